// Names of things, branded so that one cannot stand for another. Part of model.ts, which exports them.

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** A node's identity: its libp2p peer id in base58btc (`12D3Koo…`). Never reused. */
export type NodeId = Brand<string, "NodeId">;
/** `<node>@<admittedAtMs>`: a node from one admission on. Who leaves and joins again has forgotten what it promised, and is another voter. */
export type VoterId = Brand<string, "VoterId">;
/** `<workload>.<index>`, unique in the cluster: `web.0`. */
export type ContainerId = Brand<string, "ContainerId">;
/** `sha256:` and 64 lower-case hexadecimal digits. */
export type Digest = Brand<string, "Digest">;
