import { expect, test } from "vitest";
import { decodeRecord } from "../../src/crdt/record-codec.js";
import { keyOf } from "../../src/crdt/state.js";
import type { NodeId } from "../../src/model.js";
import { aClaim, aNode, anAdmission, aRevocation, aSpecRecord, aToken } from "./records.js";

const N1 = "N1" as NodeId;

test("a spec and a claim from before their later fields existed are read with what these mean", () => {
	const { startRevision: _, spec, ...record } = aSpecRecord(N1, "web", { revision: 3 });
	const { restart: __, isolation: ______, security: _____, ...earlier } = spec;
	expect(decodeRecord("spec/web", { ...record, spec: earlier }, N1)).toEqual({ ...record, startRevision: 3, spec });
	const { restarts: ___, restartsInRow: ____, ...claim } = aClaim(N1, "web.0");
	expect(decodeRecord("claim/web.0", claim, N1)).toEqual({ ...claim, restarts: 0, restartsInRow: 0 });
});

test("a later field is checked where it is given", () => {
	const record = aSpecRecord(N1, "web");
	const wrong = { ...record, spec: { ...record.spec, restart: { when: "perhaps", attemptsMax: null } } };
	expect(() => decodeRecord("spec/web", wrong, N1)).toThrow("spec/web.spec.restart.when");
	const loose = { ...record.spec, security: { ...record.spec.security, oomScoreAdj: 5000 } };
	expect(() => decodeRecord("spec/web", { ...record, spec: loose }, N1)).toThrow("spec/web.spec.security.oomScoreAdj");
	expect(() => decodeRecord("spec/web", { ...record, spec: null }, N1)).toThrow("spec/web.spec");
	expect(() => decodeRecord("claim/web.0", { ...aClaim(N1, "web.0"), restarts: -1 }, N1)).toThrow("restarts");
});

test("records of admission are taken under their own key and writer, and refused with the field that is wrong", () => {
	const take = (record: ReturnType<typeof aToken | typeof anAdmission | typeof aRevocation>, change = {}) =>
		decodeRecord(keyOf(record), { ...record, ...change }, N1);
	for (const record of [aToken(N1), anAdmission(N1, "N2" as NodeId), aRevocation(N1)]) {
		expect(take(record)).toEqual(record);
		expect(() => take(record, { writer: "N2" })).toThrow("is of N2, not of N1");
	}
	expect(() => take(aToken(N1), { secretHash: "the secret itself" })).toThrow("secretHash");
	expect(() => take(aToken(N1), { role: "owner" })).toThrow("member, witness, reader");
	expect(() => take(aToken(N1), { uses: 0 })).toThrow("uses");
	expect(() => take(aToken(N1), { expiresAtMs: 1e300 })).toThrow("expiresAtMs");
	expect(() => take(aRevocation(N1), { id: "../node" })).toThrow("id");
	expect(() => take(aRevocation(N1), { statement: "<script>" })).toThrow("statement");
	expect(() => decodeRecord("node", { ...aNode(N1), role: "king" }, N1)).toThrow("node.role");
});
