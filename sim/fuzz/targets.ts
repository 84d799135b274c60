import type { Target } from './target.ts';
import { CaptureTarget } from './targets/capture.ts';
import { DatagramTarget } from './targets/datagram.ts';
import { EngineTarget } from './targets/engine.ts';
import { HelperTarget } from './targets/helper.ts';
import { InterfaceTarget, NetlinkTarget } from './targets/netlink.ts';
import { RecordTarget } from './targets/record.ts';
import { SealedTarget } from './targets/sealed.ts';
import { StreamTarget } from './targets/stream.ts';
import { ArgumentsTarget, ConfigTarget, ControlTarget } from './targets/text.ts';

/** Every part of the program that takes bytes from outside, or those of these names. */
export function makeTargets(names: readonly string[] = []): readonly Target[] {
  const all: readonly Target[] = [
    new RecordTarget('flow'),
    new RecordTarget('expectation'),
    new DatagramTarget(),
    new NetlinkTarget(),
    new InterfaceTarget(),
    new StreamTarget(),
    new SealedTarget(),
    new EngineTarget(),
    new HelperTarget(),
    new ConfigTarget(),
    new ControlTarget(),
    new ArgumentsTarget(),
    new CaptureTarget(),
  ];
  const unknown = names.filter((name) => !all.some((target) => target.name === name));
  if (unknown.length > 0) {
    throw new RangeError(
      `no target ${unknown.join(', ')}; there are ${all.map(({ name }) => name).join(', ')}`,
    );
  }
  return names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
}
