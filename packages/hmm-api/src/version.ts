import { HmmError } from './error/hmm-error.js'

/**
 * Version of the raw interface in `./raw`, which every backend states as `apiVersion`.
 *
 * Semver: a backend works when the major is the same and its minor is not newer than ours.
 */
export const API_VERSION = '0.1.0'

/** Throws EPROTO if a backend was built for an API that this package does not speak. */
export function checkApiVersion(backend: {
  readonly name: string
  readonly apiVersion: string
}): void {
  if (backend.apiVersion === API_VERSION) return
  const [major, minor] = parse(backend.apiVersion)
  const [ourMajor, ourMinor] = parse(API_VERSION)
  // Below 1.0 a minor may break, as semver has it.
  const fits =
    major === ourMajor && (major === 0 ? minor === ourMinor : (minor ?? 0) <= (ourMinor ?? 0))
  if (fits) return
  const older =
    (major ?? 0) < (ourMajor ?? 0) || (major === ourMajor && (minor ?? 0) < (ourMinor ?? 0))
  throw new HmmError('EPROTO', {
    op: 'openBackend',
    message:
      `backend '${backend.name}' implements API version ${backend.apiVersion}, ` +
      `this @hmm-sdk/hmm-api speaks ${API_VERSION}`,
    hint: older
      ? `Update the backend: npm install @hmm-sdk/backend-${backend.name}@^${API_VERSION}`
      : `Update the API: npm install @hmm-sdk/hmm-api@^${backend.apiVersion}`,
  })
}

function parse(version: string): (number | undefined)[] {
  return /^\d+\.\d+\.\d+/.test(version) ? version.split('.').slice(0, 2).map(Number) : []
}
