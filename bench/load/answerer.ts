/**
 * Stands in a server's place beyond a network with a delay: answers each SYN to a port with a SYN-ACK so many milliseconds after the
 * kernel had it, and nothing else. A line on standard input is a delay in milliseconds, from which on it counts. Each is
 * answered with a JSON line, an {@link Answered}: what was measured with the delay before it. The arguments are the interface and
 * the port. Needs CAP_NET_RAW; the kernel of the namespace must not answer.
 */

import { createInterface } from 'node:readline';
import { readU16, readU32, writeU16, writeU32 } from '../../src/bytes/integers.ts';
import { ifNameToIndex } from '../../src/system/interfaces.ts';
import { AF_INET, libc, SOCK_RAW } from '../../src/system/libc.ts';
import { Bpf, BpfProgram, DROP, KEEP } from '../../src/system/packet/bpf-program.ts';
import { PacketSocket } from '../../src/system/packet/packet-socket.ts';

export interface Answered {
  /** Milliseconds from when the kernel had each SYN until its answer was sent. */
  readonly delaysMs: readonly number[];
}

const [device, portText] = process.argv.slice(2) as [string, string];
const port = Number(portText);

const IPV4 = 0x0800;
const TCP = 6;
/** The kernel takes a packet with its IP header, and completes that (raw(7)). */
const IPPROTO_RAW = 255;
const SYN = 0x02;
const SYN_ACK = 0x12;
/** An IPv4 header without options, and a TCP header with the option for the greatest segment. */
const IP = 20;
const SIZE = IP + 24;

const system = libc();
const sender = system.socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
const socket = new PacketSocket(ifNameToIndex(device), segmentsTo(port));
const answer = new Uint8Array(SIZE);
const to = new Uint8Array(16);
/** Sleeps more precisely than a timer. */
const cell = new Int32Array(new SharedArrayBuffer(4));

let delayMs = 0;
let delaysMs: number[] = [];
/** The wall clock in milliseconds is this much ahead of `performance.now()`. */
let aheadMs = 0;

/** Waits for the wall clock's next millisecond, since it counts whole ones. */
function calibrate(): void {
  const begin = Date.now();
  while (Date.now() === begin);
  aheadMs = Date.now() - performance.now();
}

function segmentsTo(destination: number): Uint8Array {
  const program = new BpfProgram();
  const drop = program.put(Bpf.RETURN, DROP);
  const keep = program.put(Bpf.RETURN, KEEP);
  program.test(destination, keep, drop);
  const isTcp = program.put(Bpf.LOAD_HALF, IP + 2);
  program.test(TCP, isTcp, drop);
  program.put(Bpf.LOAD_BYTE, 9);
  return program.bytes();
}

function take(etherType: number, bytes: Uint8Array, seconds: number, nanoseconds: number): void {
  if (etherType !== IPV4 || bytes[0] !== 0x45 || (bytes[IP + 13]! & SYN_ACK) !== SYN) return;
  const came = seconds * 1000 + nanoseconds / 1e6;
  fillAnswer(bytes);
  const leftMs = came + delayMs - (performance.now() + aheadMs);
  if (leftMs > 0) Atomics.wait(cell, 0, 0, leftMs);
  const sent = system.sendTo(sender, answer, SIZE, 0, to);
  if (sent < 0) throw system.error('sendto (SYN-ACK)', -sent);
  delaysMs.push(performance.now() + aheadMs - came);
}

/** The kernel writes the length, the number and the checksum of the IP header. */
function fillAnswer(syn: Uint8Array): void {
  answer.fill(0);
  answer.set([0x45], 0);
  answer.set([64, TCP], 8);
  answer.set(syn.subarray(16, 20), 12);
  answer.set(syn.subarray(12, 16), 16);
  writeU16(answer, IP, port);
  writeU16(answer, IP + 2, readU16(syn, IP));
  writeU32(answer, IP + 4, Math.floor(Math.random() * 2 ** 32));
  writeU32(answer, IP + 8, (readU32(syn, IP + 4) + 1) >>> 0);
  answer.set([6 << 4, SYN_ACK, 0xff, 0xff], IP + 12);
  // The option: kind 2, 4 bytes, 1460.
  answer.set([2, 4, 0x05, 0xb4], IP + 20);
  writeU16(answer, IP + 16, tcpChecksum());
  // struct sockaddr_in: the family in this machine's order, the port, which the kernel does not look at, the address.
  to.set(new Uint8Array(Uint16Array.of(AF_INET).buffer));
  to.set(answer.subarray(16, 20), 4);
}

/** Over the addresses, the protocol, the length, and the segment (RFC 9293, 3.1); the field itself is 0. */
function tcpChecksum(): number {
  let sum = TCP + SIZE - IP;
  for (let at = 12; at < SIZE; at += 2) sum += readU16(answer, at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

socket.watch(() => {
  while (socket.read(take) > 0);
});
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const answered: Answered = { delaysMs };
    calibrate();
    delayMs = Number(line);
    delaysMs = [];
    console.log(JSON.stringify(answered));
  })
  .on('close', () => process.exit(0));
