/** One request over a Unix socket, for programs in another network namespace: files are the same there. */
import { request } from "node:http";

export interface UnixRequest {
  readonly socketPath: string;
  /** `name:password` */
  readonly auth: string;
  readonly body: unknown;
  readonly timeoutMs: number;
}

/** Resolves with the answer's text, whatever its status. */
export function postOverUnix({ socketPath, auth, body, timeoutMs }: UnixRequest): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, auth, path: "/", method: "POST" }, (response) => {
      response
        .setEncoding("utf8")
        .toArray()
        .then((parts) => resolve(parts.join("")), reject);
    });
    asked.setTimeout(timeoutMs, () => asked.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    asked.on("error", reject);
    asked.end(JSON.stringify(body));
  });
}
