// What makes this node a member, on disk: the cluster key and its own certificate in one file, written whole.
// Must never: be readable by others, hold one without the other.

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { SwarmError } from "../errors.js";
import {
	type Authority,
	type Certificate,
	exportAuthority,
	importAuthority,
	issueCertificate,
	needsRenewal,
	readOwnCertificate,
} from "./cluster-authority.js";
import type { Member } from "./join.js";
import { readSecretFile, writeSecretFile } from "./secret-file.js";

const CREDENTIALS_FILE = "cluster.json";

export interface Credentials {
	readonly authority: Authority;
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
		const { version, clusterKey, certificate, introducers } = JSON.parse(Buffer.from(content).toString("utf8"));
		if (version !== 1) throw new Error(`version ${version}`);
		return {
			authority: importAuthority(Buffer.from(clusterKey, "base64")),
			certificate: readOwnCertificate(Buffer.from(certificate, "base64")),
			introducers,
		};
	} catch (cause) {
		throw new SwarmError("corrupt", `Cannot read ${path}: it is damaged, remove it and join again`, { cause });
	}
}

export async function saveCredentials(stateDirectory: string, credentials: Credentials): Promise<void> {
	const content = {
		version: 1,
		clusterKey: Buffer.from(exportAuthority(credentials.authority)).toString("base64"),
		certificate: Buffer.from(credentials.certificate.bytes).toString("base64"),
		introducers: credentials.introducers,
	};
	await writeSecretFile(join(stateDirectory, CREDENTIALS_FILE), JSON.stringify(content));
}

export async function removeCredentials(stateDirectory: string): Promise<void> {
	await rm(join(stateDirectory, CREDENTIALS_FILE), { force: true });
}

/** The same credentials, with a fresh certificate when half of its life is over. */
export function renewed(credentials: Credentials, nowMs: number): Credentials {
	const { authority, certificate } = credentials;
	if (!needsRenewal(certificate, nowMs)) return credentials;
	return { ...credentials, certificate: issueCertificate(authority, certificate, nowMs) };
}
