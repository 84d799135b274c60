import { OurDaemon } from './our-daemon.ts';
export class CDaemon extends OurDaemon {}
