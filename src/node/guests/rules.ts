// Which call of the API needs which verb, and what it is about. What stands in no line here no guest can call: what concerns the node's
// own machine (its daemon, its files, join tokens, capabilities themselves) stays on its socket. Pure.

import type { Verb } from "../../model.js";

/**
 * What a call is about. `cluster`: nothing that has labels, or rows that are left out one by one. `everything`: more than the workloads
 * with some labels, so only for a capability without any. `workload`, `container`: the one named in the path. `spec`: the one in the body.
 */
export type Subject = "cluster" | "everything" | "workload" | "container" | "spec";

export interface Rule {
	readonly method: string;
	readonly pattern: RegExp;
	readonly verb: Verb;
	readonly subject: Subject;
}

const rules: readonly Rule[] = [
	rule("GET", "/v1/ping", "list", "cluster"),
	rule("GET", "/v1/nodes", "list", "cluster"),
	rule("GET", "/v1/nodes/:", "list", "cluster"),
	rule("GET", "/v1/containers", "list", "cluster"),
	rule("GET", "/v1/containers/:", "list", "container"),
	rule("GET", "/v1/workloads/:/explain", "list", "workload"),
	rule("GET", "/v1/stats", "list", "cluster"),
	rule("GET", "/v1/images", "list", "cluster"),
	rule("GET", "/v1/images/:/archive", "export", "everything"),
	rule("GET", "/v1/volumes", "list", "everything"),
	rule("GET", "/v1/volumes/:", "list", "everything"),
	rule("GET", "/v1/events", "events", "cluster"),
	rule("GET", "/v1/watch", "watch", "cluster"),
	rule("GET", "/v1/watch/documents", "watch", "everything"),
	rule("POST", "/v1/workloads", "deploy", "spec"),
	rule("POST", "/v1/workloads/:/stop", "stop", "workload"),
	rule("POST", "/v1/workloads/:/start", "start", "workload"),
	rule("POST", "/v1/workloads/:/pause", "pause", "workload"),
	rule("POST", "/v1/workloads/:/resume", "resume", "workload"),
	rule("POST", "/v1/workloads/:/resources", "update", "workload"),
	rule("DELETE", "/v1/workloads/:", "remove", "workload"),
	rule("GET", "/v1/containers/:/logs", "logs", "container"),
	rule("POST", "/v1/containers/:/exec", "exec", "container"),
	rule("POST", "/v1/containers/:/attach", "attach", "container"),
	rule("GET", "/v1/containers/:/files", "copy-out", "container"),
	rule("POST", "/v1/containers/:/files", "copy-in", "container"),
	rule("GET", "/v1/containers/:/state", "export", "container"),
	rule("POST", "/v1/containers/:/migrate", "migrate", "container"),
	// An image is for all workloads: one that takes the name of another would run in their place.
	rule("POST", "/v1/containers/:/commit", "commit", "everything"),
];

function rule(method: string, path: string, verb: Verb, subject: Subject): Rule {
	return { method, pattern: new RegExp(`^${path.replaceAll(":", "([^/]+)")}$`), verb, subject };
}

/** The rule of a call and the name in its path; null when no guest can make it. */
export function ruleOf(method: string, path: string): { readonly rule: Rule; readonly name: string } | null {
	for (const candidate of rules) {
		const match = candidate.method === method ? candidate.pattern.exec(path) : null;
		if (match !== null) return { rule: candidate, name: decoded(match[1] ?? "") };
	}
	return null;
}

/** What is no escaped name is told by the router. */
function decoded(segment: string): string {
	try {
		return decodeURIComponent(segment);
	} catch {
		return segment;
	}
}
