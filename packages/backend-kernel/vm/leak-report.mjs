const LONGEST_FUNCTION = 0x800n

/**
 * kmemleak's report, with names for the addresses of a module that was unloaded before it was written.
 *
 * @param {string | undefined} report Of /sys/kernel/debug/kmemleak.
 * @param {string | undefined} symbols Lines of /proc/kallsyms, taken while the module was loaded.
 * @returns {string | undefined} `undefined` when it found nothing.
 */
export function leakReport(report, symbols) {
  if (report === undefined || report.trim() === '') return undefined
  const known = parseSymbols(symbols ?? '')
  return report.replaceAll(/(?<=^ {4})0x([0-9a-f]+)$/gmu, (text, digits) => {
    const address = BigInt(`0x${digits}`)
    const symbol = known.findLast((each) => each.address <= address)
    if (symbol === undefined) return text
    // Behind the last function lies what is unloaded earlier: the module's initialization.
    if (symbol === known.at(-1) && address - symbol.address > LONGEST_FUNCTION) return text
    return `${symbol.name}+0x${(address - symbol.address).toString(16)} ${symbol.module}`
  })
}

/** @param {string} text */
function parseSymbols(text) {
  return text
    .split('\n')
    .flatMap((line) => {
      const [, address, name, module] = /^([0-9a-f]+) [tT] (\S+)\s+(\[\S+\])$/u.exec(line) ?? []
      if (address === undefined || name === undefined || module === undefined) return []
      return [{ address: BigInt(`0x${address}`), name, module }]
    })
    .sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0))
}
