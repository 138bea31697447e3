/** The caller's end of a large reply: hears the chunks in order, gives credit, checks size and SHA-256. */
import { createHash } from "node:crypto";
import type { Delivery, Subscription, Transport } from "../../carrier/transport.ts";
import { decodeJson, readEnvelope } from "../../envelope.ts";
import { bulkSubject, inboxPrefix } from "../../subject.ts";
import { type Announcement, AnnouncementSchema, asksForAck, CHUNK_BYTES } from "../bulk.ts";

export interface BulkEnd {
  complete(body: Uint8Array): void;
  /** `why` completes "the reply cannot be used: …". */
  broken(why: string): void;
}

export class BulkReceiver {
  readonly #transport: Transport;
  /** Only this actor's inbox gets our acknowledgements, whatever the messages ask for. */
  readonly #ackPrefix: string;
  readonly #end: BulkEnd;
  readonly #hash = createHash("sha256");
  #announcement: Announcement | undefined;
  #body: Buffer = Buffer.alloc(0);
  #subscription: Subscription | undefined;
  #next = 0;

  constructor(transport: Transport, callee: string, end: BulkEnd) {
    this.#transport = transport;
    this.#ackPrefix = `${inboxPrefix(callee)}.`;
    this.#end = end;
  }

  /** Starts on the announcement; `lengthMax` is the method's own limit. */
  begin(delivery: Delivery, lengthMax: number): void {
    const parsed = AnnouncementSchema.safeParse(decodeJson(delivery.body));
    if (!parsed.success) return this.#fail("its announcement makes no sense");
    const { size, chunks, xferId } = parsed.data;
    if (size > lengthMax) return this.#fail(`it has ${size} bytes and the method allows ${lengthMax}`);
    if (chunks !== Math.ceil(size / CHUNK_BYTES)) return this.#fail("its announcement makes no sense");
    this.#announcement = parsed.data;
    this.#body = Buffer.allocUnsafeSlow(size);
    this.#subscription = this.#transport.subscribe(bulkSubject(this.#transport.user, xferId), {}, (chunk) =>
      this.#take(chunk),
    );
    this.#acknowledge(delivery.reply);
  }

  cancel(): void {
    this.#subscription?.close();
    this.#subscription = undefined;
  }

  #take(delivery: Delivery): void {
    const announcement = this.#announcement;
    if (announcement === undefined || this.#subscription === undefined) return;
    const offset = this.#next * CHUNK_BYTES;
    const expectedBytes = Math.min(CHUNK_BYTES, announcement.size - offset);
    if (chunkNumber(delivery) !== this.#next || delivery.body.byteLength !== expectedBytes) {
      return this.#fail(`chunk ${this.#next} of ${announcement.chunks} is missing or broken`);
    }
    this.#body.set(delivery.body, offset);
    this.#hash.update(delivery.body);
    this.#next++;
    if (asksForAck(this.#next - 1, announcement.chunks) && !this.#acknowledge(delivery.reply)) return;
    if (this.#next < announcement.chunks) return;
    if (this.#hash.digest("hex") !== announcement.sha256) return this.#fail("its SHA-256 does not match");
    this.cancel();
    this.#end.complete(this.#body);
  }

  #acknowledge(reply: string | undefined): boolean {
    if (reply === undefined || !reply.startsWith(this.#ackPrefix)) {
      this.#fail("it asks for acknowledgements at a foreign address");
      return false;
    }
    this.#transport.publish(reply, Buffer.from(String(this.#next), "latin1"));
    return true;
  }

  #fail(why: string): void {
    this.cancel();
    this.#announcement = undefined;
    this.#end.broken(why);
  }
}

function chunkNumber(delivery: Delivery): number | undefined {
  try {
    return readEnvelope(delivery.headers).chunk;
  } catch {
    // A header that cannot be read numbers no chunk; the caller of this function refuses it.
    return undefined;
  }
}
