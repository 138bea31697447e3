/** What tests use of `@xmpp/client`, which brings no types. */
declare module "@xmpp/client" {
  import type { EventEmitter } from "node:events";

  export interface XmlElement {
    readonly name: string;
    readonly attrs: Record<string, string>;
    readonly children: readonly (XmlElement | string)[];
    toString(): string;
  }

  export interface XmppClient extends EventEmitter {
    start(): Promise<unknown>;
    stop(): Promise<unknown>;
    send(element: XmlElement): Promise<void>;
    readonly reconnect: { stop(): void };
  }

  export function client(options: Readonly<Record<string, unknown>>): XmppClient;
  export function xml(
    name: string,
    attrs?: Readonly<Record<string, string>>,
    ...children: readonly (XmlElement | string)[]
  ): XmlElement;
}
