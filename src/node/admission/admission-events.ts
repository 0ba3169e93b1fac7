// What happened about who is in the cluster, as lines of `swarm events`: differences between one view and the next. Pure.

import type { ClusterView } from "../../crdt/state.js";
import type { RevocationRecord, TokenRecord } from "../../model.js";
import type { Draft } from "../event-draft.js";

export function admissionEvents(before: ClusterView, after: ClusterView): readonly Draft[] {
	return [...renamed(before, after), ...revoked(before, after), ...made(before, after), ...overused(before, after)];
}

function renamed(before: ClusterView, after: ClusterView): readonly Draft[] {
	if (before.nodes === after.nodes) return [];
	return [...after.nodes.values()].flatMap(({ node, name }): readonly Draft[] => {
		const was = before.nodes.get(node)?.name ?? name;
		const message = `${was} is called ${name} now`;
		return was === name ? [] : [{ node, subject: name, kind: "node.renamed", message, details: { before: was } }];
	});
}

function revoked(before: ClusterView, after: ClusterView): readonly Draft[] {
	if (before.revocations === after.revocations) return [];
	return [...after.revocations.values()]
		.filter((record) => before.revocations.get(record.id)?.revokedAtMs !== record.revokedAtMs)
		.flatMap((record) => revocationDraft(after, record) ?? []);
}

function revocationDraft(view: ClusterView, record: RevocationRecord): Draft | null {
	const { writer, id, revokedAtMs } = record;
	const by = nameOf(view, writer);
	const details = { id, revokedAtMs };
	if (record.of === "token")
		return { node: writer, subject: id, kind: "token.revoked", message: `${by} withdrew the token ${id}`, details };
	if (record.of !== "node") return null;
	const subject = record.name ?? id;
	return { node: writer, subject, kind: "node.forgotten", message: `${subject} was forgotten by ${by}`, details };
}

function made(before: ClusterView, after: ClusterView): readonly Draft[] {
	if (before.tokens === after.tokens) return [];
	return [...after.tokens.values()]
		.filter(({ id }) => !before.tokens.has(id))
		.map(({ id, writer, role, uses, expiresAtMs }) => ({
			node: writer,
			subject: id,
			kind: "token.created",
			message: `${nameOf(after, writer)} made the token ${id} for ${uses} ${uses === 1 ? "node" : "nodes"} as ${role}`,
			details: { role, uses, expiresAtMs },
		}));
}

/** Two sides of a split counted for themselves. */
function overused(before: ClusterView, after: ClusterView): readonly Draft[] {
	if (before.admissions === after.admissions) return [];
	return [...after.tokens.values()].flatMap((token): readonly Draft[] => {
		const names = usersOf(after, token);
		if (names.length <= token.uses || names.length === usersOf(before, token).length) return [];
		const message = `the token ${token.id} was good for ${token.uses} and was used by ${names.join(", ")}: \`swarm node forget\` shuts one out`;
		return [
			{ node: token.writer, subject: token.id, kind: "token.overused", message, details: { uses: token.uses, names } },
		];
	});
}

function usersOf(view: ClusterView, { id }: TokenRecord): readonly string[] {
	const uses = [...view.admissions.values()].filter(({ token }) => token === id);
	return uses.map(({ node, name }) => nameOf(view, node, name)).sort();
}

function nameOf(view: ClusterView, node: string, otherwise = node): string {
	return [...view.nodes.values()].find((record) => record.node === node)?.name ?? otherwise;
}
