/** When a server has written what it tells its clients, as the kernel counts its bytes: however late those read it. */
import { readFileSync } from "node:fs";
import { machineMs } from "./machine-clock.ts";

const LOOK_MS = 1;
/** A notification is longer; less is somebody's heartbeat. */
const BYTES_MIN = 150;

export class WriteWatch {
  readonly #path: string;
  readonly #looks: { readonly atMs: number; readonly bytes: number }[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(pid: number) {
    this.#path = `/proc/${pid}/io`;
    this.#look();
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  /**
   * The moments at which it wrote first after `fromMs` and last before `untilMs`. What it tells other programs counts too,
   * so that the first may be early and the last late.
   */
  stop(fromMs: number, untilMs: number): { readonly firstAtMs: number; readonly lastAtMs: number } {
    this.#look();
    clearInterval(this.#timer);
    const writes = this.#looks.filter(({ atMs, bytes }, i) => {
      const before = this.#looks[i - 1]?.bytes ?? bytes;
      return atMs > fromMs && atMs <= untilMs + 2 * LOOK_MS && bytes - before >= BYTES_MIN;
    });
    return { firstAtMs: writes[0]?.atMs ?? Number.NaN, lastAtMs: writes.at(-1)?.atMs ?? Number.NaN };
  }

  #look(): void {
    const bytes = Number(/^wchar: (\d+)/m.exec(readFileSync(this.#path, "utf8"))?.[1]);
    this.#looks.push({ atMs: machineMs(), bytes });
  }
}
