// What makes this node a member, on disk: what it trusts, its own certificate and, unless it is a reader, the cluster key, in
// one file written whole.
// Must never: be readable by others, hold a certificate without what it is trusted by.

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { SwarmError } from "../errors.js";
import {
	type Authority,
	type Certificate,
	exportAuthority,
	importAuthority,
	readOwnCertificate,
} from "./cluster-authority.js";
import type { Member } from "./join.js";
import { readSecretFile, writeSecretFile } from "./secret-file.js";
import { decodeLinks, encodeLinks, firstTrust, type Trust } from "./trust.js";

const CREDENTIALS_FILE = "cluster.json";

export interface Credentials {
	readonly trust: Trust;
	/** The cluster key: of the current authority, or of an earlier one until the new one has come; null for a reader. */
	readonly authority: Authority | null;
	readonly certificate: Certificate;
	/** Whom the admitting node named; dialled while nobody else is known. Empty on the first node. */
	readonly introducers: readonly Member[];
}

/** null when this node is in no cluster. Code `corrupt` when the file is damaged. */
export async function loadCredentials(stateDirectory: string): Promise<Credentials | null> {
	const path = join(stateDirectory, CREDENTIALS_FILE);
	const content = await readSecretFile(path);
	if (content === null) return null;
	try {
		return credentialsOf(JSON.parse(Buffer.from(content).toString("utf8")));
	} catch (cause) {
		throw new SwarmError("corrupt", `Cannot read ${path}: it is damaged, remove it and join again`, { cause });
	}
}

/** Version 1 is from before authorities could be rotated: the cluster had one for ever. */
function credentialsOf(content: Readonly<Record<string, unknown>>): Credentials {
	const { version, clusterId, links, clusterKey, certificate, introducers } = content;
	if (version !== 1 && version !== 2) throw new Error(`version ${String(version)}`);
	const id = version === 1 ? null : String(clusterId);
	const authority = typeof clusterKey === "string" ? importAuthority(Buffer.from(clusterKey, "base64"), id) : null;
	if (id === null && authority === null) throw new Error("it holds no cluster key");
	const trust =
		id === null
			? firstTrust(authority?.publicKey ?? new Uint8Array(0))
			: { clusterId: id, links: decodeLinks(Buffer.from(String(links), "base64")) };
	return {
		trust,
		authority,
		certificate: readOwnCertificate(Buffer.from(String(certificate), "base64")),
		introducers: introducers as readonly Member[],
	};
}

export async function saveCredentials(stateDirectory: string, credentials: Credentials): Promise<void> {
	const { trust, authority, certificate, introducers } = credentials;
	const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
	const content = {
		version: 2,
		clusterId: trust.clusterId,
		links: base64(encodeLinks(trust.links)),
		clusterKey: authority === null ? null : base64(exportAuthority(authority)),
		certificate: base64(certificate.bytes),
		introducers,
	};
	await writeSecretFile(join(stateDirectory, CREDENTIALS_FILE), JSON.stringify(content));
}

export async function removeCredentials(stateDirectory: string): Promise<void> {
	await rm(join(stateDirectory, CREDENTIALS_FILE), { force: true });
}
