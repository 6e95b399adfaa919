/** The JSON schema of configurations, by which editors complete them: written from the schemas that check them. */
import { z } from 'zod';

type JsonObject = Record<string, unknown>;

/** What every configuration may say besides the settings of its kind. */
const shared = (task: JsonObject): JsonObject => ({
  $schema: { type: 'string', description: 'Where this schema lies, for editors.' },
  task,
  getData: {
    type: 'object',
    additionalProperties: { type: 'string' },
    description: 'Commands that get data, by the source that they make; a message names them where it is missing.',
  },
});

/**
 * @param configSchemas  the schema of each kind of run, by its task
 * @returns the file's value: the kinds under `definitions`, of which the `task` of a configuration chooses one
 */
export function configJsonSchema(configSchemas: Readonly<Record<string, z.ZodObject>>): JsonObject {
  const tasks = Object.keys(configSchemas);
  const definitions = Object.fromEntries(
    Object.entries(configSchemas).map(([task, schema]) => {
      const {
        $schema: _,
        properties,
        ...kind
      } = tidied(z.toJSONSchema(schema, { target: 'draft-7', io: 'input', unrepresentable: 'any' })) as JsonObject;
      return [
        task,
        {
          ...kind,
          properties: { ...shared({ const: task, description: 'What is trained.' }), ...(properties as JsonObject) },
        },
      ];
    }),
  );
  const reference = (task: string): JsonObject => ({ $ref: `#/definitions/${task}` });
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'A training run of Kuosan',
    type: 'object',
    properties: shared({ enum: tasks, default: tasks[0], description: `What is trained; ${tasks[0]} when left out.` }),
    allOf: tasks.map((task) => ({
      if: { properties: { task: { const: task } }, ...(task !== tasks[0] && { required: ['task'] }) },
      // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
      then: reference(task),
    })),
    definitions,
  };
}

/**
 * As editors should have it: without the largest safe integer as a maximum, which nobody set, and without the formats that only zod knows.
 * What must be given is marked and not required, because the command line may give it.
 */
function tidied(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(tidied);
  if (typeof value !== 'object' || value === null) return value;
  const { required, ...rest } = value as JsonObject;
  const inner = Object.fromEntries(
    Object.entries(rest)
      .filter(([key, of]) => !(key === 'maximum' && of === Number.MAX_SAFE_INTEGER) && key !== 'format')
      .map(([key, of]) => [key, tidied(of)]),
  );
  if (!Array.isArray(required)) return 'required' in value ? { ...inner, required } : inner;
  const properties = Object.entries(inner['properties'] as Readonly<Record<string, JsonObject>>);
  return {
    ...inner,
    properties: Object.fromEntries(
      properties.map(([key, of]) => [key, required.includes(key) ? { ...of, mustBeGiven: true } : of]),
    ),
  };
}
