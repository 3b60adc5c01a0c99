// The support matrix of the kernel backend, made of the results in docs/kernels.json.
import { format, resolveConfig } from 'prettier'

/** `text` as prettier wants it in that file, so that lint and the generator agree. */
export async function formatFile(file, text) {
  return format(text, { ...(await resolveConfig(file)), filepath: file })
}

/** The document, before it is formatted. */
export function supportMatrix(kernels) {
  return `# Kernels

<!-- Made by \`npm run kernels\` of docs/kernels.json; not by hand. -->

What the kernel backend can do on each supported kernel, as found by running the conformance suite and the
examples there, in the VM harness: on the module's software device, and on a PCI device (QEMU's edu) behind
an Intel IOMMU. Debian kernels, amd64. A skipped case needs a capability that is missing; the table below says
why it is.

${casesTable(kernels)}

${capabilities('The software device', kernels, 'software')}

${capabilities('The PCI device', kernels, 'pci')}
`
}

function casesTable(kernels) {
  const notes = new Notes()
  const rows = kernels.map(({ name, version, software, pci, examples }) => [
    name,
    version,
    counts(software),
    counts(pci),
    example(examples.odp, notes),
    example(examples.nouveau, notes),
  ])
  const header = ['Linux', 'tested', 'cases, software', 'cases, PCI', 'odp', 'nouveau']
  return `${table([header, ...rows])}\n\n${notes.text()}`
}

function capabilities(title, kernels, device) {
  const notes = new Notes()
  const names = Object.keys(kernels[0][device].capabilities)
  const rows = names.map((name) => [
    `\`${name}\``,
    ...kernels.map((kernel) => capability(kernel[device].capabilities[name], notes)),
  ])
  const header = ['capability', ...kernels.map(({ name }) => name)]
  return `## ${title}\n\n${table([header, ...rows])}\n\n${notes.text()}`
}

function counts({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}

function example({ status, reason }, notes) {
  if (status === 'passed') return 'yes'
  return status === 'skipped' ? `no ${notes.refer(reason)}` : '**fails**'
}

function capability(found, notes) {
  if (found === undefined) return ''
  if (!found.supported) return `no ${notes.refer(found.reason)}`
  const limits = Object.entries(found.limits ?? {}).map(([name, value]) => `${name} ${value}`)
  return limits.length === 0 ? 'yes' : `yes: ${limits.join(', ')}`
}

/** Reasons, each told once and referred to by its number. */
class Notes {
  #reasons = []

  refer(reason) {
    if (!this.#reasons.includes(reason)) this.#reasons.push(reason)
    return `(${this.#reasons.indexOf(reason) + 1})`
  }

  text() {
    return this.#reasons.map((reason, index) => `${index + 1}. ${reason}`).join('\n')
  }
}

function table([header, ...rows]) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n')
}
