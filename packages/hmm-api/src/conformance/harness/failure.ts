/** A case found that the backend does not behave as it should. */
export class ConformanceFailure extends Error {
  override readonly name = 'ConformanceFailure'
}
