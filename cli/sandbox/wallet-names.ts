/** The wallets that a sandbox begins with: their names and the one password, which everybody may know. */
export const SANDBOX_PASSWORD = "sandbox";
export const SANDBOX_WALLET = "mine";
export const SANDBOX_MAKERS = ["maker-1", "maker-2", "maker-3"] as const;
