/** What we use of xmpp.js, which brings no types. */
declare module "@xmpp/connection-tcp" {
  import type { EventEmitter } from "node:events";
  import type { Socket } from "node:net";

  export interface XmppElement {
    readonly name: string;
    readonly attrs: Readonly<Record<string, string>>;
    readonly children: readonly (XmppElement | string)[];
    is(name: string, ns?: string): boolean;
  }

  class ConnectionTCP extends EventEmitter {
    constructor(options: { readonly service: string; readonly domain: string });
    NS: string;
    readonly socket: Socket | null;
    readonly status: string;
    timeout: number;
    parser: { write(text: string): void } | null;
    connect(service: string): Promise<void>;
    open(options: { readonly domain: string; readonly lang?: string }): Promise<XmppElement>;
    write(text: string): Promise<void>;
    stop(): Promise<unknown>;
    _onData(data: string | Buffer): void;
    _onStreamError(element: XmppElement): void;
    _detachParser(): void;
  }
  export default ConnectionTCP;
}
