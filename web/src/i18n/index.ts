// Languages: only the one that is spoken is loaded, first what the inbox needs, the rest with the pages that need it.
import { create } from 'zustand'
import type en from './en'
import type more from './en-more'

export const languages = { en: 'English', he: 'עברית', ar: 'العربية' } as const
export type Language = keyof typeof languages

const STORED = 'switchboard.language'

/** Every text's name; one that counts is also asked for without its form (`segments` for `segments_other`). */
type Names<T, Before extends string = ''> = {
  [Key in keyof T & string]: T[Key] extends string
    ? `${Before}${Key}` | (Key extends `${infer Base}_other` ? `${Before}${Base}` : never)
    : Names<T[Key], `${Before}${Key}.`>
}[keyof T & string]
export type Name = Names<typeof en & typeof more>

/** What fills a text's blanks; `count` also chooses its form, `defaultValue` stands in for a text that there is not. */
interface Values {
  [blank: string]: string | number | undefined
  count?: number
  defaultValue?: string
}
export type Translate = (name: Name, values?: Values) => string

type File = () => Promise<{ default: object }>
const files: Record<Language, { first: File; more: File }> = {
  en: { first: () => import('./en'), more: () => import('./en-more') },
  he: { first: () => import('./he'), more: () => import('./he-more') },
  ar: { first: () => import('./ar'), more: () => import('./ar-more') },
}
const texts: Record<Language, Map<string, string>> = { en: new Map(), he: new Map(), ar: new Map() }
const loads = new Map<File, Promise<void>>()

function load(language: Language, part: 'first' | 'more'): Promise<void> {
  const file = files[language][part]
  let loading = loads.get(file)
  if (!loading) {
    loading = file().then((loaded) => lay(texts[language], loaded.default, ''))
    loading.catch(() => loads.delete(file))
    loads.set(file, loading)
  }
  return loading
}

function lay(into: Map<string, string>, tree: object, before: string) {
  for (const [name, value] of Object.entries(tree) as [string, string | object][]) {
    if (typeof value === 'string') into.set(before + name, value)
    else lay(into, value, `${before}${name}.`)
  }
}

/** Whether a page was shown that needs the second part: a change of language must bring it too. */
let all = false

/** For pages whose texts are not in the first part: they come together with them. */
export async function withTexts<T>(page: Promise<T>): Promise<T> {
  all = true
  const [loaded] = await Promise.all([page, load(useLanguage.getState().language, 'more')])
  return loaded
}

function speaker(language: Language): Translate {
  const plurals = new Intl.PluralRules(language)
  const known = texts[language]
  return (name, values = {}) => {
    const form = values.count === undefined ? undefined : (known.get(`${name}_${plurals.select(values.count)}`) ?? known.get(`${name}_other`))
    const text = form ?? known.get(name) ?? values.defaultValue ?? name
    return text.replace(/\{\{(\w+)(, number)?\}\}/g, (_, blank: string, counts?: string) => {
      const value = values[blank] ?? ''
      return counts ? new Intl.NumberFormat(locale()).format(Number(value)) : String(value)
    })
  }
}

interface Spoken {
  language: Language
  /** Menus and arrows of the component library follow it. */
  direction: 'ltr' | 'rtl'
  t: Translate
}

export const useLanguage = create<Spoken>(() => ({ language: 'en', direction: 'ltr', t: speaker('en') }))

/** The texts of the language that is spoken; whoever uses it is drawn anew when that changes. */
export const useTranslation = useLanguage as () => Spoken

/** Outside of components. */
export const t: Translate = (name, values) => useLanguage.getState().t(name, values)

export const startLanguages = () => speak(preferred(), false)

function preferred(): Language {
  try {
    const chosen = localStorage.getItem(STORED)
    if (chosen && chosen in languages) return chosen as Language
  } catch {
    // Storage may be forbidden: the browser's languages decide.
  }
  for (const wish of navigator.languages) {
    const short = wish.slice(0, 2)
    if (short in languages) return short as Language
  }
  return 'en'
}

export async function speak(language: Language, remember = true) {
  await Promise.all([load(language, 'first'), all && load(language, 'more')])
  const direction = language === 'en' ? 'ltr' : 'rtl'
  document.documentElement.lang = language
  document.documentElement.dir = direction
  useLanguage.setState({ language, direction, t: speaker(language) })
  if (!remember) return
  try {
    localStorage.setItem(STORED, language)
  } catch {
    // Then it holds until the page is closed.
  }
}

/** For Intl. Arabic with the digits that phone numbers and prices are written with beside it. */
export function locale(): string {
  const { language } = useLanguage.getState()
  return language === 'ar' ? 'ar-u-nu-latn' : language
}
