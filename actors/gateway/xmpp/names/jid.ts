/** Addresses of XMPP as the server gives them to us: already normalised, so they are only taken apart. */

const JID_LENGTH_MAX = 3_071;

export interface Jid {
  readonly local: string;
  readonly domain: string;
  readonly resource: string;
}

/** Undefined when it is none. */
export function parseJid(text: string | undefined): Jid | undefined {
  if (text === undefined || text.length > JID_LENGTH_MAX) return undefined;
  const slash = text.indexOf("/");
  const bare = slash < 0 ? text : text.slice(0, slash);
  const at = bare.indexOf("@");
  const domain = bare.slice(at + 1);
  const isBroken = domain === "" || at === 0 || domain.includes("@") || slash === text.length - 1;
  if (isBroken || /[\s\0]/.test(bare)) return undefined;
  return {
    local: at < 0 ? "" : bare.slice(0, at).toLowerCase(),
    domain: domain.toLowerCase(),
    resource: slash < 0 ? "" : text.slice(slash + 1),
  };
}

export function bareJid({ local, domain }: Jid): string {
  return local === "" ? domain : `${local}@${domain}`;
}
