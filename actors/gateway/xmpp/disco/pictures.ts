/** Pictures of the door: avatars of addresses and codes to pay by, made once and known by their hash. */
import { createHash } from "node:crypto";
import { RecentMap } from "../guard/recent-map.ts";
import { type Element, element } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";
import { type QrPicture, qrAvatar, qrPicture } from "./qr.ts";

const KEPT_MAX = 1_000;
const MAX_AGE_S = 86_400;

export interface Picture extends QrPicture {
  /** SHA-1, hex, as the avatar protocols want it. */
  readonly hash: string;
  readonly cid: string;
}

export class Pictures {
  readonly #avatars = new RecentMap<string, Picture>(KEPT_MAX);
  readonly #byCid = new RecentMap<string, Picture>(KEPT_MAX);

  /** What its code says when it is read: an address to pay, or a place to talk to. */
  avatarOf(uri: string): Picture {
    const known = this.#avatars.get(uri);
    if (known !== undefined) return known;
    const made = identified(qrAvatar(uri));
    this.#avatars.set(uri, made);
    return made;
  }

  /** A code to pay by, which can be asked for by its name from now on. */
  codeOf(uri: string): Picture {
    const made = identified(qrPicture(uri));
    this.#byCid.set(made.cid, made);
    return made;
  }

  /** Bits of binary (XEP-0231); undefined when nobody knows it any more. */
  bits(cid: string): Element | undefined {
    const picture = this.#byCid.get(cid);
    return picture === undefined ? undefined : bitsElement(picture);
  }
}

export function bitsElement({ cid, png }: Picture): Element {
  return element(
    "data",
    NS.bob,
    { cid, type: "image/png", "max-age": String(MAX_AGE_S) },
    png.toString("base64"),
  );
}

function identified(picture: QrPicture): Picture {
  const hash = createHash("sha1").update(picture.png).digest("hex");
  return { ...picture, hash, cid: `sha1+${hash}@bob.xmpp.org` };
}
