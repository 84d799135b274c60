// The flows in a capture of a dedicated link: node decode-capture.mjs capture.pcap
import { createReadStream } from 'node:fs';
import { decodeCapture, flowText } from 'conntrackd-ts';

for await (const { source, message } of decodeCapture(createReadStream(process.argv[2]))) {
  if ('malformed' in message) console.log(source.address, 'malformed:', message.malformed);
  else if (message.flow) console.log(source.address, message.type, flowText(message.flow));
}
