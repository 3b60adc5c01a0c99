/**
 * Reads a kernel configuration, or a fragment of one: `CONFIG_A=y`, `# CONFIG_B is not set`.
 *
 * @param {string} text
 * @returns {Map<string, string>} Value by name (without `CONFIG_`); `n` for what is not set.
 */
export function parseKernelConfig(text) {
  /** @type {Map<string, string>} */
  const values = new Map()
  for (const line of text.split('\n')) {
    const set = /^CONFIG_(\w+)=(.+)$/u.exec(line)
    const unset = /^# CONFIG_(\w+) is not set$/u.exec(line)
    const name = set?.[1] ?? unset?.[1]
    if (name !== undefined) values.set(name, set?.[2] ?? 'n')
  }
  return values
}

/**
 * What a fragment asked for and the finished configuration does not have: the name is unknown, or
 * something that it depends on is missing.
 *
 * @param {string} fragment
 * @param {string} config
 * @returns {string[]} One line per answer.
 */
export function unmetAnswers(fragment, config) {
  const got = parseKernelConfig(config)
  return [...parseKernelConfig(fragment)].flatMap(([name, wanted]) => {
    const value = got.get(name) ?? 'n'
    return value === wanted ? [] : [`CONFIG_${name}=${wanted} became ${value}`]
  })
}

/**
 * The version that a kernel source says it is, from its top Makefile.
 *
 * @param {string} makefile
 * @returns {string | undefined}
 */
export function sourceVersion(makefile) {
  /** @param {string} name */
  const value = (name) => new RegExp(`^${name} *=(.*)$`, 'mu').exec(makefile)?.[1]?.trim()
  const [version, patchLevel, subLevel] = ['VERSION', 'PATCHLEVEL', 'SUBLEVEL'].map(value)
  if (!version || !patchLevel || !subLevel) return undefined
  return `${version}.${patchLevel}.${subLevel}${value('EXTRAVERSION') ?? ''}`
}
