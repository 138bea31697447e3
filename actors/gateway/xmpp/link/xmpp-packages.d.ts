/** What we use of xmpp.js, which brings no types. */
declare module "@xmpp/connection-tcp" {
  import type { EventEmitter } from "node:events";
  import type { Socket } from "node:net";

  export interface XmppElement {
    readonly name: string;
    readonly attrs: Readonly<Record<string, string>>;
    readonly children: readonly (XmppElement | string)[];
    is(name: string, ns?: string): boolean;
    getChild(name: string, ns?: string): XmppElement | undefined;
  }

  export type LibrarySocket = Socket | { readonly socket: Socket | null };

  class ConnectionTCP extends EventEmitter {
    constructor(options: { readonly service: string; readonly domain: string });
    NS: string;
    readonly socket: LibrarySocket | null;
    readonly status: string;
    timeout: number;
    parser: {
      write(text: string): void;
      /** The whole stream. What is no element is kept in it. */
      readonly root: { readonly children: unknown[] } | null;
    } | null;
    connect(service: string): Promise<void>;
    open(options: { readonly domain: string; readonly lang?: string }): Promise<XmppElement>;
    write(text: string): Promise<void>;
    stop(): Promise<unknown>;
    _onData(data: string | Buffer): void;
    _onElement(element: XmppElement): void;
    _onStreamError(element: XmppElement): void;
    _detachParser(): void;
  }
  export type LibraryStream = ConnectionTCP;
  export default ConnectionTCP;
}

declare module "@xmpp/client" {
  import type { LibraryStream, XmppElement } from "@xmpp/connection-tcp";

  export interface Middleware {
    use(
      handle: (context: { readonly stanza: XmppElement }, next: () => Promise<unknown>) => Promise<unknown>,
    ): void;
  }

  export interface Account {
    readonly username: string;
    readonly password: string;
  }

  export interface ClientOptions {
    readonly service: string;
    readonly domain: string;
    readonly resource: string;
    readonly username: string;
    readonly password?: string;
    /** Instead of the password: called where the server asks who we are. */
    readonly credentials?: (
      authenticate: (account: Account, mechanism: string) => Promise<void>,
      mechanisms: readonly string[],
      fast: unknown,
      entity: XmppClient,
    ) => Promise<void>;
  }

  export interface XmppClient extends LibraryStream {
    readonly middleware: Middleware;
    readonly streamManagement: { readonly enabled: boolean };
    readonly reconnect: { stop(): void };
    isSecure(): boolean;
    start(): Promise<unknown>;
    send(element: XmppElement): Promise<void>;
  }

  export function client(options: ClientOptions): XmppClient;
  export function xml(
    name: string,
    attrs?: Readonly<Record<string, string>>,
    ...children: readonly (XmppElement | string)[]
  ): XmppElement;
}
