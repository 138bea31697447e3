/** One clock for all processes of this machine, in milliseconds from some moment in the past. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
