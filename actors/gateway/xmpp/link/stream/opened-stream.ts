/** What a stream as a component and one as an account have in common: guarded, opened within a time, and over once. */
import type { LibraryStream } from "@xmpp/connection-tcp";
import type { Clock } from "../../../../../runtime/clock.ts";
import type { Element } from "../element.ts";
import type { LinkFault } from "../xmpp-link.ts";
import type { LinkStream, StreamEars } from "./link-stream.ts";
import { destroySocket, guardWire, takesMore } from "./wire-guard.ts";

const FAREWELL_MS = 1_000;

export interface OpenedStreamOptions<S extends LibraryStream> {
  readonly stream: S;
  readonly service: string;
  /** In the header: who we are, or at whose server. */
  readonly domain: string;
  /** For all that has to be said until we are in. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly ears: StreamEars;
}

/** A step of the greeting: given up when the server goes, or says what ends it. */
export type Step = <T>(step: Promise<T>) => Promise<T>;

export abstract class OpenedStream<S extends LibraryStream> implements LinkStream {
  protected readonly stream: S;
  protected readonly ears: StreamEars;
  protected fault: LinkFault | undefined;
  /** Whether the server has accepted us. */
  protected isOpen = false;
  readonly #options: OpenedStreamOptions<S>;
  #hasEnded = false;

  constructor(options: OpenedStreamOptions<S>) {
    this.#options = options;
    const { stream, ears, timeoutMs } = options;
    this.stream = stream;
    this.ears = ears;
    stream.timeout = timeoutMs;
    guardWire(stream, (fault) => {
      this.fault ??= fault;
    });
    stream.on("disconnect", () => this.#end());
  }

  async open(): Promise<LinkFault | undefined> {
    const { stream, clock, timeoutMs, service, domain } = this.#options;
    const timer = clock.after(timeoutMs, () => this.destroy(), { background: true });
    try {
      // The library waits for errors and for time to pass; that the server has gone is neither.
      const over = new Promise<never>((_, reject) => {
        stream.once("disconnect", () => reject(new Error("the server has gone")));
        stream.once("error", reject);
      });
      over.catch(() => undefined);
      const step: Step = (one) => Promise.race([over, one]);
      const greeting = this.prepared();
      await step(stream.connect(service));
      const { attrs } = await step(stream.open({ domain }));
      await greeting(step, attrs["id"] ?? "");
      return undefined;
    } catch (error) {
      // Why, the server has said in a stream error, or nobody has.
      this.destroy();
      return this.fault ?? this.faultOf(error);
    } finally {
      timer.cancel();
    }
  }

  /** Called before it connects; what it gives is called with the id of the stream, and settles when the server has accepted us. */
  protected abstract prepared(): (step: Step, streamId: string) => Promise<void>;

  protected abstract faultOf(error: unknown): LinkFault;

  /** By the library's own way. */
  protected abstract put(text: string, stanza: Element): Promise<void>;

  write(text: string, stanza: Element): boolean {
    if (!this.isOpen || !takesMore(this.stream)) return false;
    // A failure ends the stream, and that is told.
    this.put(text, stanza).catch(() => undefined);
    return true;
  }

  async close(): Promise<void> {
    this.stream.timeout = FAREWELL_MS;
    await this.stream.stop().catch(() => undefined);
    this.destroy();
  }

  destroy(fault?: LinkFault): void {
    if (fault !== undefined) this.fault ??= fault;
    destroySocket(this.stream.socket);
  }

  #end(): void {
    if (!this.isOpen || this.#hasEnded) return;
    this.#hasEnded = true;
    this.ears.ended(this.fault ?? "lost");
  }
}
