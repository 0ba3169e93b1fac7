// The short name of a daemon for what it makes on the machine: cgroups, links and namespaces. Pure.

import { createHash } from "node:crypto";
import type { NodeId } from "../model.js";

/** Eight hexadecimal digits that keep several daemons of one machine apart. */
export function scopeOf(node: NodeId): string {
	return createHash("sha256").update(node).digest("hex").slice(0, 8);
}
