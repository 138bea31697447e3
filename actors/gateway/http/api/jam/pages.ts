/** The files of a browser's wallet, such as JAM's build: served as they are, and every other path is its first page. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { FastifyInstance, FastifyReply } from "fastify";
import { TroupeError } from "../../../../../runtime/errors.ts";

const FIRST_PAGE = "index.html";
const FIRST_PAGE_BYTES_MAX = 4 * 1024 * 1024;
/** Names with a fingerprint of their content in them never mean another file. */
const FINGERPRINTED = /[.-][0-9a-zA-Z_-]{8,}\.(?:js|css|woff2?|ttf|svg|png|jpe?g|webp|avif)$/;

export interface Pages {
  /** Answers with the first page: the program in the browser knows what the path means. */
  send(reply: FastifyReply): FastifyReply;
}

/** Throws `GATEWAY_PAGES_MISSING` when there is no first page in the folder. */
export async function servePages(server: FastifyInstance, folder: string): Promise<Pages> {
  const headers = pageHeaders(readFirstPage(folder));
  // Loaded only where pages are wanted: it brings many files.
  const { default: fastifyStatic } = await import("@fastify/static");
  await server.register(fastifyStatic, {
    root: folder,
    index: FIRST_PAGE,
    dotfiles: "ignore",
    cacheControl: false,
    setHeaders: (reply, path) => {
      reply.headers(headers);
      if (FINGERPRINTED.test(path)) reply.header("cache-control", "public, max-age=31536000, immutable");
    },
  });
  return { send: (reply) => reply.sendFile(FIRST_PAGE) };
}

function readFirstPage(folder: string): string {
  const path = join(folder, FIRST_PAGE);
  try {
    const text = readFileSync(path, "utf8");
    if (text.length > FIRST_PAGE_BYTES_MAX) throw new Error("it is too large");
    return text;
  } catch (error) {
    throw new TroupeError(
      { code: "GATEWAY_PAGES_MISSING", path },
      `The folder that wallet_pages in the section [gateway] names has no page that can be read: ${path}. ` +
        "Give the folder with the built files of JAM, or leave the key out.",
      { cause: error },
    );
  }
}

/** Scripts are ours or those that stand in the first page itself, which are known by their hashes. */
function pageHeaders(firstPage: string): Readonly<Record<string, string>> {
  const hashes = [...firstPage.matchAll(/<script(?![^>]*\bsrc=)[^>]*>([\s\S]*?)<\/script>/gi)].map(
    ([, script = ""]) => `'sha256-${createHash("sha256").update(script).digest("base64")}'`,
  );
  return {
    "content-security-policy": [
      "default-src 'self'",
      `script-src ${["'self'", ...hashes].join(" ")}`,
      "style-src 'self' 'unsafe-inline'",
      "img-src 'self' data: blob:",
      "font-src 'self' data:",
      "connect-src 'self' ws: wss:",
      "object-src 'none'",
      "base-uri 'self'",
      "form-action 'self'",
      "frame-ancestors 'none'",
    ].join("; "),
  };
}
