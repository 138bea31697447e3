/** Makes an index look as if another release had written it. */
import { open } from "lmdb";
import { openMeta } from "../../../actors/indexer/store/tables.ts";

/** An empty index is made where there is none. Nobody has it open meanwhile. */
export async function putFormat(directory: string, version: number): Promise<void> {
  const env = open({ path: directory, noSubdir: false, maxDbs: 16 });
  const meta = openMeta(env);
  const format = { network: "regtest", secret: "", ...JSON.parse(meta.get("format") ?? "{}"), version };
  await meta.put("format", JSON.stringify(format));
  await env.close();
}
