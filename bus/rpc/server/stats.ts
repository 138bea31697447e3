/** What `nats micro stats` shows of one endpoint. Unlike the reference client, answered errors count as errors. */

export class EndpointStats {
  requests = 0;
  errors = 0;
  lastError = "";
  processingMs = 0;

  /** A handler ended with `ok` or a code. */
  end(durationMs: number, code: string): void {
    this.processingMs += durationMs;
    if (code !== "ok") this.fail(code);
  }

  /** A request was refused before it ran. */
  fail(code: string): void {
    this.errors++;
    this.lastError = code;
  }
}
