/** As whom the door stands at its XMPP server, read from the configuration once: a component with a domain, or an ordinary account. */
import { networkByName } from "../../../bitcoin/network.ts";
import type { ActorContext } from "../../../bus/actor.ts";
import { parseHostPort } from "../../../runtime/config/config-values.ts";
import { TroupeError } from "../../../runtime/errors.ts";
import { readSecretFile } from "../../../runtime/secret.ts";
import type { XmppConfig } from "./config.ts";
import { gatewayAbilities } from "./disco/abilities.ts";
import { capsElement } from "./disco/caps.ts";
import { element } from "./link/element.ts";
import { AccountStream } from "./link/stream/account-stream.ts";
import { ComponentStream } from "./link/stream/component-stream.ts";
import type { LinkStream, StreamEars } from "./link/stream/link-stream.ts";
import { AccountSpace } from "./names/account-space.ts";
import { AddressSpace } from "./names/entity.ts";
import { parseJid } from "./names/jid.ts";

export interface Standing {
  readonly space: AddressSpace;
  /** The domain of the server's own people, and of the server itself. */
  readonly parentDomain: string;
  readonly stream: (ears: StreamEars) => LinkStream;
}

/** Throws `GATEWAY_XMPP_UNSET`, or why the secret cannot be read. */
export function standingOf({
  config,
  clock,
  network: name,
}: Pick<ActorContext<XmppConfig>, "config" | "clock" | "network">): Standing {
  const server = parseHostPort(config.xmpp_server);
  const { xmpp_domain: domain, xmpp_secret_file: secretFile, xmpp_parent_domain: parentDomain } = config;
  const network = networkByName(name);
  if (config.xmpp_mode === "bot") {
    const account = parseJid(config.xmpp_account);
    if (server === undefined || account === undefined || secretFile === undefined)
      throw unset("xmpp_account");
    const space = new AccountSpace(account, network);
    const presence = element("presence", "", {}, capsElement(gatewayAbilities(space)));
    const options = { server, account, password: readSecretFile(secretFile), presence, clock };
    return {
      space,
      parentDomain: parentDomain ?? account.domain,
      stream: (ears) => new AccountStream(options, ears),
    };
  }
  if (server === undefined || domain === undefined || secretFile === undefined) throw unset("xmpp_domain");
  const options = { server, domain, secret: readSecretFile(secretFile), clock };
  return {
    space: new AddressSpace(domain, config.xmpp_alias, network),
    parentDomain: parentDomain ?? domain.slice(domain.indexOf(".") + 1),
    stream: (ears) => new ComponentStream(options, ears),
  };
}

function unset(name: string): TroupeError {
  return new TroupeError(
    { code: "GATEWAY_XMPP_UNSET" },
    `xmpp_server in the section [gateway] needs ${name} and xmpp_secret_file too. Set all three, or none.`,
  );
}
