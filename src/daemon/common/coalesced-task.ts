/** A task of which one runs at a time. If it is asked for while it runs, it runs once more afterwards. */
export class CoalescedTask {
  private readonly work: () => Promise<void>;
  private running = false;
  private again = false;

  constructor(work: () => Promise<void>) {
    this.work = work;
  }

  async run(): Promise<void> {
    this.again = true;
    if (this.running) return;
    this.running = true;
    try {
      while (this.again) {
        this.again = false;
        await this.work();
      }
    } finally {
      this.running = false;
    }
  }
}
