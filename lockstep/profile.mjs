/** What the simulation is told of a kernel: by its release, or by the name that the harness has for it. */
export function profileOf(release, { unit = 1 } = {}) {
  const name = release === 'debug' ? '7.3' : /^\d+\.\d+/.exec(release)?.[0]
  if (!PROFILES.includes(name))
    throw new TypeError(`no profile of kernel '${release}'; there are ${PROFILES.join(', ')}`)
  return { kernel: name, memory: name !== '6.12', unit }
}

const PROFILES = ['6.12', '7.2', '7.3']
