/** What we use of `irc-framework`, which brings no types. */
declare module "irc-framework" {
  import type { EventEmitter } from "node:events";

  interface ClientOptions {
    readonly host: string;
    readonly port: number;
    readonly nick: string;
    readonly username: string;
    readonly gecos: string;
    readonly version: string;
    readonly auto_reconnect: false;
    readonly ping_interval: number;
    readonly ping_timeout: number;
    readonly encoding: "utf8";
    readonly account?: { readonly account: string; readonly password: string };
    readonly sasl_disconnect_on_fail?: boolean;
    readonly transport: new (options: ClientOptions) => EventEmitter;
  }

  class Client extends EventEmitter {
    constructor(options: ClientOptions);
    readonly network: { readonly options: Readonly<Record<string, unknown>> };
    connect(): void;
    join(channel: string): void;
    changeNick(nick: string): void;
    raw(line: string): void;
    quit(message?: string): void;
  }

  const library: { readonly Client: typeof Client };
  export default library;
}
