import type { Evidence } from '../geo/locator.ts';
import { decide, type Moment } from '../policy/admission.ts';
import { allowedForLabel } from '../policy/allowed.ts';
import type { CompiledPolicy } from '../policy/compile.ts';
import { type LabelResult, widenEvidence } from '../policy/label.ts';
import type { Label } from '../policy/model.ts';
import { type ErrorCode, toldAs, WatershedError } from '../protocol/errors.ts';
import type { Refusal } from '../protocol/events.ts';
import type { JoinClaims } from '../protocol/token.ts';
import type { Decision, DecisionRecorder, DecisionStep } from './decision.ts';
import { listFor, namesOf, type SignList } from './directory.ts';
import { createGate } from './gate.ts';
import { livenessOf } from './liveness.ts';
import { evidenceOf, RefusedError, ruleOf } from './refused.ts';
import type { Roster } from './roster.ts';
import { assertSameParticipant, labelAgain, labelOfClaims } from './session-label.ts';
import type { Admission, AdmissionRequest, Verdict } from './types.ts';

export interface AdmissionDeps {
  /** This node's own datacenter, from its own configuration. */
  readonly datacenter: string;
  /** The policy of this moment; null while the node has no valid one, and then nobody is admitted. */
  readonly policy: () => CompiledPolicy | null;
  /** Whether a policy that this node does not run is known to be newer: then nobody new is admitted or sent on. */
  readonly behind?: () => boolean;
  /** Who is up: for lists only. An admission here needs none. */
  readonly roster: Pick<Roster, 'read'>;
  /** Where a room could be with this label in it; null where nothing is known. It only shortens lists. */
  readonly common?: (room: string, label: Label) => Promise<ReadonlySet<string> | null>;
  /** Throws WatershedError: `token_missing`, `token_invalid`, `token_expired`. */
  readonly tokens: { verify(token: string | null): Promise<JoinClaims> };
  /** Total; `refused` where nothing may be concluded from the address. */
  readonly locator: { locate(address: string): Evidence };
  readonly sign: SignList;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly decisions: DecisionRecorder;
  /** Told of defects, which refuse: what threw, never what was asked. */
  readonly onError?: (error: unknown) => void;
}

/** Asked from no datacenter: a directory question is about everywhere else. */
const NOWHERE = '';
/** A policy that switched while a list was being made: made again, so often. */
const ATTEMPTS = 3;
/** Seconds by which the issuer's clock may differ, as the verifier has it. */
const CLOCK_TOLERANCE_SECONDS = 5;

interface Question {
  readonly step: AdmissionRequest['step'];
  readonly here: string;
  readonly claims: JoinClaims;
  readonly address: string;
  /** The label under a policy: made again when the policy switches in between. */
  readonly label: (p: CompiledPolicy) => LabelResult;
}

/**
 * Decides at the door, by the one predicate, from this node's own policy and its own datacenter. The order is
 * fixed: policy, token, label, fences and route, and only then who is up. Whatever throws, refuses.
 */
export function createAdmission(deps: AdmissionDeps): Admission {
  const { datacenter, roster, tokens, locator, sign, now, decisions } = deps;

  const record = (step: DecisionStep, fields: Partial<Decision> & Pick<Decision, 'kind' | 'code'>): void =>
    decisions.record({
      step,
      here: datacenter,
      rule: '',
      policy: deps.policy()?.digest ?? '',
      home: null,
      evidence: [],
      regions: null,
      listed: [],
      room: null,
      jti: null,
      ...fields,
    });

  /** The policy of now, for a token of its cloud. Throws. */
  const policyFor = (claims: JoinClaims): CompiledPolicy => {
    const p = deps.policy();
    if (p === null) throw new WatershedError('policy_missing');
    if (claims.cloud !== p.policy.cloud) throw new WatershedError('token_invalid', 'another cloud');
    return p;
  };

  const place = async (question: Question): Promise<Verdict> => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const p = policyFor(question.claims);
      const verdict = await placeUnder(p, question);
      // An admission is made without a pause. A list is not, and is worth nothing under a policy that is gone.
      if (verdict.kind !== 'redirect' || deps.policy() === p) return verdict;
    }
    throw new WatershedError('not_ready', 'the policy is being switched');
  };

  const placeUnder = async (p: CompiledPolicy, question: Question): Promise<Verdict> => {
    const { step, claims, address, here } = question;
    const labelled = question.label(p);
    if (!labelled.ok) return refuse(step, refusedBy(labelled), p, claims, null);
    const { label } = labelled;
    // `expires` ends admission, not meetings: a session that goes on is judged by the fences alone.
    const isNew = step === 'directory' || step === 'upgrade' || step === 'join';
    if (isNew && deps.behind?.()) throw new WatershedError('not_ready', 'a newer policy is signed');
    const moment = { jti: claims.jti, now: isNew ? now() : Number.NEGATIVE_INFINITY };
    // First as if everyone were up: who is up decides no admission, and most questions need no registry.
    const byPolicy = decide(p, label, here, () => true, moment);
    switch (byPolicy.kind) {
      case 'admit': {
        const { kind, code, rule, policy } = byPolicy;
        record(step, { kind, code, rule, policy, ...subject(claims, label) });
        return { kind, session: { claims, label, address } };
      }
      case 'refuse':
        return refuse(step, refusedBy(byPolicy), p, claims, label);
      case 'redirect':
        return tellWhere(p, question, label, moment);
    }
  };

  /** The list of what is allowed and up, or why there is none. */
  const tellWhere = async (
    p: CompiledPolicy,
    { step, claims, here }: Question,
    label: Label,
    moment: Moment,
  ): Promise<Verdict> => {
    const [reading, common] = await Promise.all([
      roster.read(p, seatsOf(p, label)),
      deps.common?.(claims.room, label) ?? null,
    ]);
    const live = livenessOf(p, reading);
    let decision = decide(p, label, here, live.isLive, moment);
    if (decision.kind === 'redirect' && common !== null) {
      // Straight to where the room can be. Where that leaves nothing, a node says why better than a list can.
      const within = decide(p, label, here, (d) => common.has(d) && live.isLive(d), moment);
      if (within.kind === 'redirect') decision = within;
    }
    if (decision.kind === 'refuse') return refuse(step, refusedBy(decision), p, claims, label);
    // Same policy and label as before: only a redirect can be left.
    if (decision.kind === 'admit') throw new WatershedError('internal');
    const { code, policy, message } = decision;
    const unsigned = listFor(p, label, decision.list, live, { room: claims.room, now: now() });
    const list = sign(unsigned);
    const listed = namesOf(unsigned);
    const kind = step === 'directory' ? 'list' : 'redirect';
    // The directory asks from nowhere, which no rule forbids: what chose its list is the route.
    const rule = kind === 'list' ? 'route' : decision.rule;
    record(step, {
      kind,
      code: kind === 'list' ? 'listed' : code,
      rule,
      policy,
      listed,
      ...subject(claims, label),
    });
    return { kind: 'redirect', redirect: { ...toldAs(code, message), rule, policy, list } };
  };

  const refuse = (
    step: DecisionStep,
    error: WatershedError,
    p: CompiledPolicy | null,
    claims: JoinClaims | null,
    label: Label | null,
  ): { kind: 'refuse'; refusal: Refusal } => {
    const { code, status } = error;
    const rule = ruleOf(error);
    const policy = p?.digest ?? '';
    record(step, { kind: 'refuse', code, rule, policy, ...subject(claims, label) });
    return { kind: 'refuse', refusal: { ...error.toWire(), status, rule, policy } };
  };

  /** Runs what may throw; whatever throws, refuses. */
  const guarded = async (step: AdmissionRequest['step'], run: (known: Known) => Promise<Verdict>) => {
    const known: Known = { claims: null };
    try {
      return await run(known);
    } catch (error) {
      if (!(error instanceof WatershedError) || error.code === 'internal') deps.onError?.(error);
      const told = error instanceof WatershedError ? error : new WatershedError('internal');
      return refuse(step, told, deps.policy(), known.claims, null);
    }
  };

  const verify = async (token: string | null, known: Known): Promise<JoinClaims> => {
    if (deps.policy() === null) throw new WatershedError('policy_missing');
    known.claims = await tokens.verify(token);
    return known.claims;
  };

  const ask = (request: AdmissionRequest, here: string): Promise<Verdict> =>
    guarded(request.step, async (known) => {
      const claims = await verify(request.token, known);
      policyFor(claims);
      const evidence = evidenceOf(locator.locate(request.address));
      const { step, address } = request;
      return place({ step, here, claims, address, label: (p) => labelOfClaims(p, claims, evidence) });
    });

  return {
    decide: (request) => ask(request, datacenter),

    decideAgain: (session, change) =>
      guarded(change.step, async (known) => {
        known.claims = session.claims;
        const fresh = change.token === undefined ? null : await verify(change.token, known);
        const claims = fresh ?? session.claims;
        policyFor(claims);
        // A session in a call is held to its token's `exp` by its own timer, which knows the grace.
        if (fresh !== null) assertSameParticipant(session.claims, fresh);
        else if (change.step !== 'resume' && change.step !== 'switch') assertNotExpired(claims, now());
        const address = change.address ?? session.address;
        const evidence = evidenceOf(locator.locate(address));
        const label = (p: CompiledPolicy) => labelAgain(p, session.label, fresh, evidence);
        return place({ step: change.step, here: datacenter, claims, address, label });
      }),

    serves: (label, addresses = []) => {
      const p = deps.policy();
      if (p === null) return false;
      let widened = label;
      for (const address of addresses) {
        const evidence = locator.locate(address);
        const result = evidence.kind === 'refused' ? null : widenEvidence(p, widened, evidence);
        if (!result?.ok) return false;
        widened = result.label;
      }
      return allowedForLabel(p, widened, datacenter);
    },

    directory: async (request) => {
      const verdict = await ask(request, NOWHERE);
      switch (verdict.kind) {
        case 'redirect':
          return { kind: 'list', answer: verdict.redirect.list };
        case 'refuse':
          return verdict;
        case 'admit': {
          // Nowhere is no datacenter: nothing admits to it.
          const { claims, label } = verdict.session;
          return refuse(request.step, new WatershedError('internal'), deps.policy(), claims, label);
        }
      }
    },

    gate: (room) => createGate({ datacenter, policy: deps.policy, locator, decisions }, room),
  };
}

interface Known {
  /** Set once a token is verified, so that a refusal after it can be recorded for whom it was. */
  claims: JoinClaims | null;
}

/**
 * The error on the wire. Where the claim alone has a datacenter and the evidence of the address leaves none, it is
 * the fences that refuse this network: `address_refused` (451), so that `region_conflict` (403) always means the
 * policy's `conflict: refuse`.
 */
function refusedBy({
  code,
  rule,
  message,
}: {
  code: ErrorCode;
  rule: string;
  message: string;
}): RefusedError {
  return new RefusedError(rule === 'evidence' ? 'address_refused' : code, rule, message);
}

/** Where the session may sit, up or not: nobody else is asked for. */
function seatsOf(p: CompiledPolicy, label: Label): string[] {
  const listed = p.policy.routes.get(label.home);
  const seats = listed === undefined ? [] : [...listed.primaries, ...listed.secondaries];
  return seats.filter((datacenter) => allowedForLabel(p, label, datacenter));
}

function assertNotExpired(claims: JoinClaims, now: number): void {
  if (now / 1000 >= claims.exp + CLOCK_TOLERANCE_SECONDS) throw new WatershedError('token_expired');
}

/** Whom a decision is about. */
function subject(claims: JoinClaims | null, label: Label | null) {
  return {
    home: label?.home ?? null,
    evidence: label?.evidence ?? [],
    regions: label?.regions ?? null,
    room: claims?.room ?? null,
    jti: claims?.jti ?? null,
  };
}
