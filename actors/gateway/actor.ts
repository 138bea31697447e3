/** The gateway: opens the doors for outsiders and says which are open. Wiring only. */

import type { z } from "zod";
import type { Actor, ActorContext, ActorDefinition } from "../../bus/actor.ts";
import type { Service } from "../../bus/bus.ts";
import { gatewayContract } from "../../bus/contracts/gateway.ts";
import { type Door, supervisorContract } from "../../bus/contracts/supervisor.ts";
import { isLoopback, parseHostPort } from "../../runtime/config/config-values.ts";
import { mergeExpositions, withLabel } from "../../runtime/metrics.ts";
import { gatewayStartSection } from "./config.ts";
import { electrumHandlers } from "./electrum/admin/operator.ts";
import { Electrum } from "./electrum/electrum.ts";
import { HostFeed } from "./host-feed.ts";
import type { WalletApi } from "./http/api/api.ts";
import type { CommandDoor } from "./http/commands/command-door.ts";
import { HttpDoor } from "./http/door.ts";
import { GatewayMetrics } from "./metrics.ts";
import type { WebCommands } from "./xmpp/web/web-commands.ts";
import type { Xmpp } from "./xmpp/xmpp.ts";

type GatewayContext = ActorContext<z.output<typeof gatewayStartSection.schema>>;

export const gateway: ActorDefinition<typeof gatewayStartSection.schema> = {
  name: "gateway",
  section: gatewayStartSection,
  create: (context) => new Gateway(context),
};

class Gateway implements Actor {
  readonly #context: GatewayContext;
  readonly #feed: HostFeed;
  readonly #metrics: GatewayMetrics;
  #service: Service | undefined;
  #http: HttpDoor | undefined;
  #electrum: Electrum | undefined;
  #wallet: WalletApi | undefined;
  #xmpp: Xmpp | undefined;
  #commands: CommandDoor | undefined;
  #httpDoors: readonly Door[] = [];
  #walletDoors: readonly Door[] = [];
  #commandDoors: readonly Door[] = [];

  constructor(context: GatewayContext) {
    this.#context = context;
    this.#feed = new HostFeed(context);
    this.#metrics = new GatewayMetrics(context.meter, () => this.#feed.view().hosts);
  }

  async start(): Promise<void> {
    const { bus, log, config } = this.#context;
    await this.#feed.start();
    // The door before the service: who is told of a door must find it open.
    const address = config.http_listen === "" ? undefined : parseHostPort(config.http_listen);
    if (address !== undefined) {
      this.#http = new HttpDoor({
        address,
        hostNames: config.http_host_names,
        connectionsMax: config.http_connections_max,
        requestsPerMinute: config.http_requests_per_minute,
        feed: this.#feed,
        metrics: this.#metrics,
        readMetrics: () => this.#readMetrics(),
        clock: this.#context.clock,
        log,
      });
      this.#httpDoors = [await this.#http.open()];
      if (!isLoopback(address.host)) {
        log.warn("the web page is open beyond this machine, and it has no login", {
          address: config.http_listen,
        });
      }
    }
    if (config.wallet_listen !== "") {
      // Loaded only where it is wanted: it brings the plugins of the web server.
      const { WalletApi } = await import("./http/api/api.ts");
      this.#wallet = new WalletApi(this.#context, this.#metrics);
      this.#walletDoors = await this.#wallet.open();
    }
    if (Electrum.isWanted(config)) {
      const portOf = (text: string | undefined) => (text === undefined ? undefined : parseHostPort(text));
      const tor = { control: portOf(config.tor_control), socks: portOf(config.tor_socks) };
      this.#electrum = new Electrum(this.#context, tor, () => this.#tellDoors());
      await this.#electrum.open();
    }
    if (config.xmpp_server !== "") {
      // Loaded only where it is wanted, as few have an XMPP server.
      const { Xmpp } = await import("./xmpp/xmpp.ts");
      this.#xmpp = new Xmpp(this.#context);
      await this.#xmpp.open();
      await this.#openCommands(this.#xmpp.web);
    }
    this.#service = await bus.serve(
      gatewayContract,
      { doors: () => ({ doors: this.#doors() }), ...electrumHandlers(() => this.#electrum) },
      { instance: this.#context.host },
    );
    this.#tellDoors();
  }

  /** The chat door's commands for programs. */
  async #openCommands(commands: WebCommands | undefined): Promise<void> {
    const { config, clock, log } = this.#context;
    const address = parseHostPort(config.xmpp_http_listen);
    if (commands === undefined || address === undefined) return;
    const { CommandDoor } = await import("./http/commands/command-door.ts");
    const { http_host_names: hostNames, http_requests_per_minute: requestsPerMinute } = config;
    this.#commands = new CommandDoor({ address, hostNames, requestsPerMinute, commands, clock, log });
    this.#commandDoors = [await this.#commands.open()];
  }

  #doors(): Door[] {
    return [
      ...this.#httpDoors,
      ...this.#walletDoors,
      ...(this.#electrum?.doors ?? []),
      ...(this.#xmpp?.doors ?? []),
      ...this.#commandDoors,
    ];
  }

  #tellDoors(): void {
    this.#context.openDoors(this.#doors());
  }

  async stop(): Promise<void> {
    await this.#service?.stop();
    await this.#commands?.close();
    await this.#xmpp?.close();
    await this.#electrum?.close();
    await this.#wallet?.close();
    await this.#http?.close();
    await this.#feed.stop();
  }

  async #readMetrics(): Promise<string> {
    const { hosts } = this.#feed.view();
    const [own = "", ...others] = await Promise.all(
      hosts
        .filter(({ presence }, at) => at === 0 || presence === "heard")
        // That another host does not answer is told by `troupe_host_up`; ours has to.
        .map(({ host }, at) => (at === 0 ? this.#metricsOf(host) : this.#metricsOf(host).catch(() => ""))),
    );
    return mergeExpositions([own, ...others]);
  }

  /** Names alone would make one figure of two hosts' actors. */
  async #metricsOf(host: string): Promise<string> {
    const { actors } = await this.#context.bus.client(supervisorContract, host).metrics({});
    return withLabel(mergeExpositions(actors.map(({ text }) => text)), "host", host);
  }
}
