/** An actor's worker that starts well and dies a moment later, each time, until a file "cured" lies in its directory. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Boot } from "../../../bus/actor.ts";
import { serveParent } from "../../../bus/child/child-side.ts";

/** The parent has heard of the start by then. */
const LIFE_MS = 20;

serveParent<Boot, void>((parent) => ({
  start({ dataDirectory }) {
    parent.report("ready");
    if (!existsSync(join(dataDirectory, "cured"))) {
      setTimeout(() => {
        throw Object.assign(new Error("mortal, as all are"), { code: "MORTAL_DIED" });
      }, LIFE_MS);
    }
    return Promise.resolve();
  },
  stop: () => Promise.resolve(),
}));
