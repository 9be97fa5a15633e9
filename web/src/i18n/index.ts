// Languages: English is in the first load, the others come when they are chosen.
import i18next from 'i18next'
import { initReactI18next } from 'react-i18next'
import { create } from 'zustand'
import en from './en'
import type more from './en-more'

export const languages = { en: 'English', he: 'עברית', ar: 'العربية' } as const
export type Language = keyof typeof languages

const KEY = 'switchboard.language'

declare module 'i18next' {
  interface CustomTypeOptions {
    resources: { translation: typeof en & typeof more }
    returnNull: false
  }
}

const files: Record<Language, () => Promise<{ default: object }>> = {
  en: () => import('./en-more'),
  he: () => import('./he'),
  ar: () => import('./ar'),
}
const complete = new Map<Language, Promise<void>>()

/** All texts of a language; English has a first part that is always there. */
function load(language: Language): Promise<void> {
  let loading = complete.get(language)
  if (!loading) {
    loading = files[language]().then(({ default: texts }) => {
      i18next.addResourceBundle(language, 'translation', texts, true, true)
    })
    loading.catch(() => complete.delete(language))
    complete.set(language, loading)
  }
  return loading
}

/** For pages whose texts are not in the first part: they come together with them. */
export async function withTexts<T>(page: Promise<T>): Promise<T> {
  const [loaded] = await Promise.all([page, load(i18next.language as Language)])
  return loaded
}

/** The direction is state: menus and arrows of the component library follow it. */
export const useDirection = create<{ direction: 'ltr' | 'rtl' }>(() => ({ direction: 'ltr' }))

export async function startLanguages() {
  await i18next.use(initReactI18next).init({
    lng: 'en',
    fallbackLng: 'en',
    resources: { en: { translation: en } },
    interpolation: { escapeValue: false },
    showSupportNotice: false,
  } as Parameters<typeof i18next.init>[0])
  i18next.services.formatter?.add('number', (value: number) => new Intl.NumberFormat(locale()).format(value))
  await speak(preferred(), false)
}

function preferred(): Language {
  try {
    const chosen = localStorage.getItem(KEY)
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
  const first = !complete.size && language === 'en' && !remember
  // The very first paint in English needs the first part only.
  if (!first) await load(language)
  await i18next.changeLanguage(language)
  const direction = language === 'he' || language === 'ar' ? 'rtl' : 'ltr'
  document.documentElement.lang = language
  document.documentElement.dir = direction
  useDirection.setState({ direction })
  if (!remember) return
  try {
    localStorage.setItem(KEY, language)
  } catch {
    // Then it holds until the page is closed.
  }
}

/** For Intl. Arabic with the digits that phone numbers and prices are written with beside it. */
export function locale(): string {
  return i18next.language === 'ar' ? 'ar-u-nu-latn' : (i18next.language ?? 'en')
}
