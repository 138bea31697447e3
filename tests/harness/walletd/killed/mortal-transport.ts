/** A connection whose owner can be killed: the broker forgets it, and the owner, if anything of it still runs, is never answered and never heard again. */
import type { Transport } from "../../../../bus/carrier/transport.ts";

export class MortalTransport {
  /** What its owner holds. */
  readonly face: Transport;
  readonly #transport: Transport;
  #isDead = false;

  constructor(transport: Transport) {
    this.#transport = transport;
    const isDead = () => this.#isDead;
    this.face = {
      user: transport.user,
      maxPayloadBytes: transport.maxPayloadBytes,
      get isUp() {
        return isDead() || transport.isUp;
      },
      publish: (...all) => {
        if (!isDead()) transport.publish(...all);
      },
      subscribe: (pattern, options, deliver) => {
        if (isDead()) return { drain: async () => {}, close: () => {} };
        return transport.subscribe(pattern, options, (delivery) => {
          if (!isDead()) deliver(delivery);
        });
      },
      flush: async () => {
        if (!isDead()) await transport.flush();
      },
      onStatus: (listener) =>
        transport.onStatus((status) => {
          if (!isDead()) listener(status);
        }),
      drain: async () => {
        if (!isDead()) await transport.drain();
      },
      close: async () => {
        if (!isDead()) await transport.close();
      },
    };
  }

  async die(): Promise<void> {
    if (this.#isDead) return;
    this.#isDead = true;
    await this.#transport.close();
  }
}
