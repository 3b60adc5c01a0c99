const IMPORT = /^((?:import|export)\b[^'"`;]*?\bfrom\s*|import\s*)(['"])([^'"]+)\2/gm

/**
 * Runs the module `name` of `files` (name -> text). Imports of other files become modules made of
 * their text; imports of `packages` (name -> exports) become modules that hand on those exports.
 */
export async function runFile(files, name, packages) {
  const urls = new Map()
  const loading = new Set()

  function urlOf(specifier, importer) {
    const known = urls.get(specifier)
    if (known !== undefined) return known
    const file = specifier.replace(/^\.\//, '')
    let text
    if (Object.hasOwn(packages, specifier)) text = handOn(specifier, packages[specifier])
    else if (specifier.startsWith('./') && Object.hasOwn(files, file)) text = linked(file)
    else throw new Error(`${importer} imports '${specifier}', which is not on this page`)
    const url = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }))
    urls.set(specifier, url)
    return url
  }

  function linked(file) {
    if (loading.has(file)) throw new Error(`${file} imports itself by way of others`)
    loading.add(file)
    const text = files[file].replace(
      IMPORT,
      (_, before, quote, specifier) => `${before}${quote}${urlOf(specifier, file)}${quote}`,
    )
    loading.delete(file)
    return `${text}\n//# sourceURL=${file}`
  }

  await import(urlOf(`./${name}`, 'the page'))
}

function handOn(name, exports) {
  globalThis.hmmPackages ??= {}
  globalThis.hmmPackages[name] = exports
  const from = `globalThis.hmmPackages[${JSON.stringify(name)}]`
  return Object.keys(exports)
    .map((key) =>
      key === 'default' ? `export default ${from}.default` : `export const ${key} = ${from}.${key}`,
    )
    .join('\n')
}
