/** A bare child that tells over its control port what a fence has let it do. */
import { serveParent } from "../../../bus/child/child-side.ts";
import { tryFence } from "./fence.ts";

export interface FenceBoot {
  readonly directory: string;
}

serveParent<FenceBoot, void>(() => {
  let directory = "";
  return {
    start(boot) {
      directory = boot.directory;
      return Promise.resolve();
    },
    stop: () => Promise.resolve(),
    metrics: async () => JSON.stringify(await tryFence(directory)),
  };
});
