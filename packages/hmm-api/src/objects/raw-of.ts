/** Where an object of hmm-api keeps the raw object it checks; for backends and their tools. */
export const RAW = Symbol.for('@hmm-sdk/hmm-api:raw')

/** The raw object below a checked one, such as the RawBackend of a Backend. */
export function rawOf<T>(object: { readonly [RAW]: T }): T {
  return object[RAW]
}
