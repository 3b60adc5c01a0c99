/**
 * What keeps the process alive, such as `Timeout` or `FSReqPromise`, once per resource and without
 * `known`; empty where the platform does not tell.
 */
export function pendingResources(known: readonly string[] = []): readonly string[] {
  const { process } = globalThis as { process?: { getActiveResourcesInfo?: () => string[] } }
  const pending = [...(process?.getActiveResourcesInfo?.() ?? [])]
  for (const resource of known) {
    const index = pending.indexOf(resource)
    if (index >= 0) pending.splice(index, 1)
  }
  return pending
}
