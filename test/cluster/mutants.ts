/** One line of behaviour, switched to another: an engine that the simulator must find out. */
export interface Mutant {
  readonly name: string;
  /** Below `dist/src`. */
  readonly file: string;
  /** A piece of the compiled file that is there once, and what stands there instead. */
  readonly line: string;
  readonly instead: string;
  /** Another piece, in a file of its own or the same, that the behaviour takes. */
  readonly also?: Pick<Mutant, 'file' | 'line' | 'instead'>;
  /** A seed that finds it. After a change to the engines or the simulator it may be another. */
  readonly seed: number;
  /** How the simulator is called beside the seeds. */
  readonly args?: readonly string[];
}

const FTFW = 'sync/ftfw/ftfw.js';
const CACHED_RECORDS = 'sync/internal/cached-records.js';
const PEER_SEQUENCER = 'sync/ftfw/peer-sequencer.js';
const STANDBY = 'daemon/sync/standby/standby.js';
const RETRANSMISSION = 'sync/ftfw/retransmission.js';
const NOTRACK = 'sync/notrack/notrack.js';
const PLAIN_ROUNDS = 'sync/notrack/plain-rounds.js';
const ROUNDS = 'sync/ftfw/resync-rounds.js';
const BULKS = 'sync/bulk-schedule.js';
const HEALING = 'sync/ftfw/healing.js';
/** Faults of restarts, outages and queues, which FT-FW heals. */
const FAULTS_OF_FTFW = ['--mode', 'ftfw'];
/** A stranger who says HELLO in every node's name. */
const STRANGER = ['--stranger'];
/** The same of a pair of a C node and one of ours. */
const BESIDE_C = ['--mode', 'ftfw', '--program', 'mixed', '--nodes', '2'];
/** The same where nothing is acknowledged. */
const PLAIN_HEALING = ['--mode', 'notrack'];

/** A group of ours that loses much. */
const GROUP = ['--mode', 'ftfw', '--nodes', '5', '--loss', '30'];

/** Several active nodes. */
const SEVERAL = ['--several'];
const SHARED_FLOWS = 'sync/several/shared-flows.js';

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'a gap is not asked for',
    seed: 1,
    file: FTFW,
    line: 'this.outbox.enqueueControl(Flag.NACK, expected, previous(sequence));',
    instead: '',
  },
  {
    name: 'an ACK goes one number too far',
    seed: 1,
    file: 'sync/ftfw/ack/acknowledger.js',
    line: 'this.outbox.enqueueControl(Flag.ACK, window.first, last);',
    instead: 'this.outbox.enqueueControl(Flag.ACK, window.first, (last + 1) >>> 0);',
  },
  {
    name: 'numbers do not wrap around',
    seed: 1,
    file: 'wire/sequence.js',
    line: 'return ((a - b) | 0) < 0;',
    instead: 'return a < b;',
  },
  {
    name: 'a dead record is dropped early',
    seed: 1,
    file: CACHED_RECORDS,
    line: 'if (origin === Origin.OTHER)\n                engine.enqueue(item, slot);\n            else\n                engine.handleRecordEnded(item, slot);',
    instead: 'engine.handleRecordEnded(item, slot);',
  },
  {
    name: 'a HELLO is ignored',
    seed: 1,
    file: PEER_SEQUENCER,
    line: '? this.orderOfHello(sender, peer, sequence, now)',
    instead: '? this.orderInSeries(sender, peer, sequence, true, now)',
  },
  {
    name: 'a false HELLO is believed',
    seed: 1,
    file: PEER_SEQUENCER,
    line: 'if (isKnown && !this.succeeds(peer, rival, now))',
    instead: 'if (false)',
    args: STRANGER,
  },
  {
    name: 'a far number of a stranger is believed',
    seed: 1,
    file: PEER_SEQUENCER,
    line: 'if (!this.succeeds(peer, rival, now)) {',
    instead: 'if (false) {',
    args: STRANGER,
  },
  {
    name: 'two that restarted alone are no group with a third, and await what nobody asks for',
    seed: 941794,
    file: 'sync/ftfw/group/member.js',
    line: 'return this.hasFlags || ',
    instead: 'return ',
    also: {
      file: 'sync/ftfw/group/group.js',
      line: 'return this.isActive && member.lacks(now)',
      instead: 'return member.lacks(now)',
    },
  },
  {
    name: 'a stranger is believed on a link that the peer does not use',
    seed: 912196,
    file: PEER_SEQUENCER,
    line: 'if (other.link !== link && other.pulse.isProven(now))',
    instead: 'if (false)',
  },
  {
    name: 'a number that a stranger made up is a node',
    seed: 20533,
    file: 'sync/ftfw/series/identity.js',
    line: '!latest.pulse.wasProven || ',
    instead: '',
    args: [...STRANGER, '--links', '4'],
  },
  {
    name: 'a restart that was doubted is never believed',
    seed: 1,
    file: PEER_SEQUENCER,
    line: 'if (silentAt <= now || (goesOn(rival) && !peer.pulse.isProven(now)))',
    instead: 'if (false)',
    also: { file: PEER_SEQUENCER, line: 'if (silentAt > now) {', instead: 'if (true) {' },
    args: FAULTS_OF_FTFW,
  },
  {
    name: 'a HELLO is not answered',
    seed: 1,
    file: 'sync/ftfw/hello.js',
    line: 'flags |= Flag.HELLO_BACK;',
    instead: '',
  },
  {
    name: 'a window begins one number too late',
    seed: 2,
    file: 'sync/ftfw/ack/ack-window.js',
    line: 'this.from = sequence;',
    instead: 'this.from = (sequence + 1) >>> 0;',
  },
  {
    name: 'what is behind is taken',
    seed: 1,
    file: FTFW,
    line: 'this.rounds.noteStale(peer);\n            return MessageResult.STALE;',
    instead: 'this.rounds.noteStale(peer);\n            return MessageResult.DATA;',
  },
  {
    name: 'an ACK acknowledges all that came before it',
    seed: 18,
    file: RETRANSMISSION,
    line: 'let node = queues.firstInRange(from, to); node !== 0;) {\n            const following = queues.nextInRange(node, to);\n            this.settle(',
    instead:
      'let node = queues.firstResend(); node !== 0 && !before(to, queues.sequenceOf(node));) {\n            const following = queues.nextResend(node);\n            this.settle(',
  },
  {
    name: 'one peer of a group acknowledges for all',
    seed: 3,
    file: RETRANSMISSION,
    line: 'if (acks.isSettled(pendingAcks))\n            this.release(node);\n        else\n            queues.setPendingAcks(node, pendingAcks);',
    instead: 'this.release(node);',
    args: GROUP,
  },
  {
    name: 'a copy of a HELLO counts as a new beginning',
    seed: 45,
    file: PEER_SEQUENCER,
    line: 'const inHandshake = recent && !peer.isPastHello(sequence);',
    instead: 'const inHandshake = false;',
  },
  {
    name: 'a run of data goes on under whatever number',
    seed: 22,
    file: 'sync/ftfw/series/steady-run.js',
    line: 'return sequenceOf(bytes, at) === peer.received.expected ? peer : undefined;',
    instead: 'return peer;',
  },
  {
    name: 'control messages complete a window',
    seed: 18,
    file: FTFW,
    line: 'else if (kind === MessageKind.DATA)\n            this.acknowledger.acknowledgeFull(peer);',
    instead: 'else\n            this.acknowledger.acknowledgeFull(peer);',
  },
  {
    name: 'expectations are not audited after an overrun',
    seed: 151,
    file: 'daemon/sync/table-resync.js',
    line: "if (includesExpectations('all', this.options))\n                await this.resend(",
    instead: 'if (false)\n                await this.resend(',
  },
  {
    name: 'a flow that is gone is not purged after an overrun',
    seed: 81,
    file: CACHED_RECORDS,
    line: '|| !cache.kill(slot))\n            return false;',
    instead: '|| true)\n            return false;',
  },
  {
    name: 'a renewed flow travels as an update',
    seed: 5,
    file: 'table/internal-cache.js',
    line: 'this.table.setState(slot, SlotState.RENEWED);\n    }\n    /**',
    instead: 'this.table.setState(slot, SlotState.ALIVE);\n    }\n    /**',
  },
  {
    name: 'ALARM refreshes a record once',
    seed: 2,
    file: 'sync/alarm.js',
    line: 'this.outbox.enqueue(item, slot);\n            refreshes.set(slot, this.randomTicks());',
    instead: 'this.outbox.enqueue(item, slot);',
    args: ['--mode', 'alarm'],
  },
  {
    name: 'what is not refreshed does not lapse',
    seed: 9,
    file: 'table/expiring-cache.js',
    line: 'this.timers.expire(now, (slot) => super.drop(slot));',
    instead: '',
    args: ['--mode', 'alarm'],
  },
  {
    name: 'a bulk leaves out the first record',
    seed: 2,
    file: 'sync/outbox.js',
    line: 'let slot = from;',
    instead: 'let slot = Math.max(from, 1);',
    args: ['--mode', 'notrack'],
  },
  {
    name: 'a standby does not put back what its kernel lost',
    seed: 120,
    file: STANDBY,
    line: 'this.flows.noteLost(bytes, 0, length);',
    instead: ';',
    args: ['--hot-standby'],
  },
  {
    name: 'a standby leaves what the primary no longer has',
    seed: 263,
    file: 'daemon/sync/standby/kept-flows.js',
    line: 'this.kernel.delete(table.bytesOf(slot), start, start + table.sizeOf(slot));',
    instead: '',
    args: ['--hot-standby'],
  },
  {
    name: 'a standby leaves what ended while its daemon was away',
    seed: 35,
    file: STANDBY,
    line: 'context.sweep(this.sweepFrom);',
    instead: '',
    args: ['--hot-standby'],
  },
  {
    name: 'a primary takes its own flows for those of the standby that speaks of them',
    seed: 263,
    file: STANDBY,
    line: "if (this.role === 'primary' || (this.role === 'unknown' && this.seenHere[slot] === 1))",
    instead: 'if (false)',
    args: ['--hot-standby'],
  },
  {
    name: 'a node that restarts is not asked for everything',
    seed: 2,
    file: HEALING,
    line: 'if (this.parts.hello.isConfirmed)\n            this.ask();',
    instead: 'if (false)\n            this.ask();',
    args: FAULTS_OF_FTFW,
  },
  {
    name: 'what a complete answer did not bring stays',
    seed: 2,
    file: 'sync/confirmed-records.js',
    line: 'this.cache.drop(slot);\n            dropped++;',
    instead: 'dropped++;',
    args: FAULTS_OF_FTFW,
  },
  {
    name: 'what a complete answer brought is dropped too',
    seed: 2,
    file: ROUNDS,
    line: '(mark & GENERATION_MASK) !== this.generation',
    instead: 'true',
    args: FAULTS_OF_FTFW,
  },
  {
    name: 'an answer is believed before it is complete',
    seed: 1,
    file: ROUNDS,
    line: 'if (now - round.heardAt < SILENCE_MS && (isRepaired || round.repeatsAtOnce))',
    instead: 'round.isAnswered = true;\n            if (true)',
    args: FAULTS_OF_FTFW,
  },
  {
    name: 'an answer does not say that it is complete',
    seed: 2,
    file: 'sync/ftfw/ack/acknowledger.js',
    line: 'this.outbox.enqueueControl(Flag.ACK | Flag.ANSWERED, sequence, sequence);',
    instead: 'this.outbox.enqueueControl(Flag.ACK, sequence, sequence);',
    args: FAULTS_OF_FTFW,
  },
  {
    name: 'what left the full resend queue is forgotten',
    seed: 9,
    file: RETRANSMISSION,
    line: 'this.lastEvicted = sequence;',
    instead: '',
    args: FAULTS_OF_FTFW,
  },
  {
    name: 'what left the full resend queue is not awaited of a group',
    seed: 50_389,
    file: 'sync/ftfw/group/repairs.js',
    line: 'if (peer.evictedFrom >= 0)',
    instead: 'if (false)',
  },
  {
    name: 'an invitation to ask is not followed',
    seed: 9,
    file: FTFW,
    line: 'from === INVITATION && request !== undefined)',
    instead: 'false)',
    args: FAULTS_OF_FTFW,
  },
  {
    name: 'a request during the pause between bulks is forgotten',
    seed: 2,
    file: BULKS,
    line: 'this.waiting.push(request);',
    instead: 'if (this.nextAt < 0)\n            this.waiting.push(request);',
    args: FAULTS_OF_FTFW,
  },
  {
    name: 'NOTRACK does not ask where numbers are missing',
    seed: 2,
    file: PLAIN_ROUNDS,
    line: 'peer.isClean = false;\n            peer.doubts = 0;\n            this.ask();\n        }\n        peer.isQuiet',
    instead: 'peer.isClean = false;\n            peer.doubts = 0;\n        }\n        peer.isQuiet',
    args: PLAIN_HEALING,
  },
  {
    name: 'NOTRACK believes an answer of which a part was lost',
    seed: 38,
    file: PLAIN_ROUNDS,
    line: 'if (peer.isClean) {',
    instead: 'if (true) {',
    args: PLAIN_HEALING,
  },
  {
    name: 'NOTRACK says that everything is sent before it is',
    seed: 2,
    file: NOTRACK,
    line: 'if (this.walk.isUnderWay)\n            return false;',
    instead: 'this.bulks.noteQueued(0, 0);',
    args: PLAIN_HEALING,
  },
  {
    name: 'a request of NOTRACK during the pause between bulks is forgotten',
    seed: 2,
    file: BULKS,
    line: 'this.waiting.push(request);',
    instead: 'if (this.nextAt < 0)\n            this.waiting.push(request);',
    args: PLAIN_HEALING,
  },
  {
    name: 'requests bring one bulk after the other in FT-FW',
    seed: 6,
    file: BULKS,
    line: 'this.nextAt = now + Math.max(INTERVAL_MS, records * INTERVAL_MS_PER_RECORD);',
    instead: '',
    args: FAULTS_OF_FTFW,
  },
  {
    name: 'requests bring one bulk after the other in NOTRACK',
    seed: 1,
    file: BULKS,
    line: 'this.nextAt = now + Math.max(INTERVAL_MS, records * INTERVAL_MS_PER_RECORD);',
    instead: '',
    args: PLAIN_HEALING,
  },
  {
    name: 'a node that forgot what it had does not invite its peer to ask',
    seed: 5170,
    file: HEALING,
    line: 'invitation.postpone();',
    instead: '',
    args: [...FAULTS_OF_FTFW, '--nodes', '2'],
  },
  {
    name: 'what a C node skipped is not sent again',
    seed: 1075,
    file: RETRANSMISSION,
    line: 'peer.skippedTo = peer.acknowledgedTo;',
    instead: '',
    args: BESIDE_C,
  },
  {
    name: 'what may have left the resend queue of a C node is not asked for',
    seed: 19,
    file: RETRANSMISSION,
    line: 'return span(missesFrom, received.last) > this.queues.resendLimit;',
    instead: 'return false;',
    args: BESIDE_C,
  },
  {
    name: 'a C node is not asked for what a flush removed',
    seed: 1077,
    file: HEALING,
    line: 'if (peers.states().size > 0 && !areAllOurs(currentStates(peers)))\n            this.ask();',
    instead: '',
    args: BESIDE_C,
  },
  {
    name: 'what left the full resend queue before a C node began to acknowledge is forgotten',
    seed: 2118,
    file: RETRANSMISSION,
    line: 'isFirst && peer.evictedFrom >= 0 && before(peer.evictedFrom, from);',
    instead: 'false;',
    args: BESIDE_C,
  },
  {
    name: 'a C node that took a damaged number is deaf from then on',
    seed: 3099,
    file: RETRANSMISSION,
    line: 'sequences.skipTo(next(last));',
    instead: '',
    args: BESIDE_C,
  },
  {
    name: 'a flow that came back travels as an update once its NEW has left the full resend queue',
    seed: 3101,
    file: RETRANSMISSION,
    line: 'this.outbox.releaseSent(evicted);',
    instead: 'this.outbox.release(evicted);',
    args: BESIDE_C,
  },
  {
    name: 'what a node did not keep for one that it did not hear yet is forgotten',
    seed: 4_040_345,
    args: ['--mode', 'ftfw', '--nodes', '4'],
    file: FTFW,
    line: 'if (result === ReportResult.UNREPAIRABLE)',
    instead: 'if (false)',
  },
  {
    name: 'a group is not asked for what is missing',
    seed: 3,
    file: 'sync/ftfw/group/group.js',
    line: 'receipts.push({ id: member.id, from, last: peer.received.last, runs });',
    instead: 'receipts.push({ id: member.id, from, last: peer.received.last, runs: [] });',
    args: GROUP,
  },
  {
    name: 'the nodes of a group ask without waiting at random',
    seed: 1,
    file: 'sync/ftfw/group/report-schedule.js',
    line: 'from + this.chance.fraction() * BACKOFF_MS_PER_PEER * peers',
    instead: 'from',
    args: ['--mode', 'ftfw', '--nodes', '16', '--loss', '30'],
  },
  {
    name: 'the digest has the dead',
    seed: 4,
    file: 'table/record-table.js',
    line: '(state === SlotState.DEAD ? -digest : digest)',
    instead: '0',
    args: FAULTS_OF_FTFW,
  },
  {
    name: 'a full cache that has room again asks for nothing',
    seed: 335,
    file: 'daemon/sync/reconcile/confirmed-sinks.js',
    line: 'if (flows || expectations)',
    instead: 'if (false)',
    args: FAULTS_OF_FTFW,
  },
  {
    name: 'a node without acknowledgements that moved over several links is several',
    seed: 563_484,
    file: PLAIN_ROUNDS,
    line: 'if (others.length === 0 || !isClear)',
    instead: 'if (others.length !== 1 || !isClear)',
  },
  {
    name: 'without acknowledgements, room in a full cache waits as long as a loss',
    seed: 700_801,
    file: PLAIN_ROUNDS,
    line: 'this.pace.askSoon();',
    instead: 'this.pace.ask(this.now);',
  },
  {
    name: 'a node sends again what it put into its kernel for a peer',
    seed: 4,
    file: SHARED_FLOWS,
    line: 'if (origin === Origin.INJECT)\n            return false;',
    instead: '',
    args: SEVERAL,
  },
  {
    name: 'an older state of a peer is put into the kernel',
    seed: 6,
    file: SHARED_FLOWS,
    line: 'if (ahead > 0)\n            copyState',
    instead: 'if (true)\n            copyState',
    args: SEVERAL,
  },
  {
    name: 'the end that a peer tells is not taken',
    seed: 2,
    file: SHARED_FLOWS,
    line: 'const isLater = ahead === 0 &&',
    instead: 'const isLater = false &&',
    args: SEVERAL,
  },
  {
    name: 'a connection that has the tuple of one that is over is taken for that',
    seed: 1,
    file: SHARED_FLOWS,
    line: 'if (isNew && isAnother(',
    instead: 'if (false && isAnother(',
    args: SEVERAL,
  },
  {
    name: 'of two marks that were set at once each node takes that of the other',
    seed: 4,
    file: SHARED_FLOWS,
    line: 'if (isOwnOnItsWay && marks > 0)',
    instead: 'if (false)',
    args: SEVERAL,
  },
  {
    name: 'two nodes that set a mark at once do not say again which one stays',
    seed: 3,
    file: SHARED_FLOWS,
    line: 'this.counters.conflicts++;\n            this.engine.enqueue(Item.FLOW, slot);',
    instead: 'this.counters.conflicts++;',
    args: SEVERAL,
  },
  {
    name: 'the end of a copy ends the flow where its packets are',
    seed: 4,
    file: SHARED_FLOWS,
    line: 'this.engine.forget(Item.FLOW, slot);\n        if (this.cache.table.stateOf(slot) === SlotState.DEAD)\n            this.engine.handleRecordEnded(Item.FLOW, slot);',
    instead: 'this.engine.enqueue(Item.FLOW, slot);',
    also: {
      file: 'sync/replica.js',
      line: 'sink.delete(bytes, start, end);',
      instead: '(sink.kernel ?? sink).delete(bytes, start, end);',
    },
    args: SEVERAL,
  },
  {
    name: 'who carries a flow does not say so',
    seed: 1,
    file: SHARED_FLOWS,
    line: 'if (timeout - left > Math.max(NEAR_S, timeout >>> 1))',
    instead: 'if (false)',
    args: SEVERAL,
  },
  {
    name: 'a node that starts among several active ones asks for nothing',
    seed: 1,
    file: 'daemon/sync/engine.js',
    line: 'healsItself: !options.disableExternalCache || options.severalActive === true,',
    instead: 'healsItself: !options.disableExternalCache,',
    args: SEVERAL,
  },
];
