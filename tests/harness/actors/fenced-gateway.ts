/** An actor in the gateway's place that tells on the bus, as its doors, what a fence has let it do. */

import { gatewaySection } from "../../../actors/gateway/config.ts";
import { electrumHandlers } from "../../../actors/gateway/electrum/admin/operator.ts";
import type { Service } from "../../../bus/bus.ts";
import { gatewayContract } from "../../../bus/contracts/gateway.ts";
import { hostActor } from "../../../bus/host.ts";
import { tryFence } from "./fence.ts";

hostActor({
  name: "gateway",
  section: gatewaySection,
  create({ bus, host, dataDirectory, openDoors }) {
    let service: Service | undefined;
    return {
      async start() {
        const doors = Object.entries(await tryFence(dataDirectory)).map(([name, address]) => ({
          name,
          address,
        }));
        const handlers = { doors: () => ({ doors }), ...electrumHandlers(() => undefined) };
        service = await bus.serve(gatewayContract, handlers, { instance: host });
        openDoors(doors);
      },
      async stop() {
        await service?.stop();
      },
    };
  },
});
