// Sends a place: from a link or coordinates that are pasted, or where one is.
import { LoaderCircle, LocateFixed } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from '@/i18n'
import { number } from '@/i18n/format'
import { Button } from '@/ui/Button'
import { Field, Input } from '@/ui/Field'
import { type Place, readPlace } from './place'
import { SendDialog } from './SendDialog'

/** As the server takes it. */
const NAME_MAX = 100
const FIND_MS = 20_000
/** What is known better than this needs no words. */
const EXACT_M = 50

interface Props {
  initial?: Place
  onClose: () => void
  onSend: (place: Place) => void
}

const written = (place: Place) => `${place.latitude}, ${place.longitude}`

export default function PlaceDialog({ initial, onClose, onSend }: Props) {
  const { t } = useTranslation()
  const [where, setWhere] = useState(initial ? written(initial) : '')
  // Until somebody gives it one, a place has the name that the link says.
  const [name, setName] = useState(initial?.name ?? null)
  const here = useHere((place) => setWhere(written(place)))
  const read = readPlace(where)
  const found = read === 'short' ? null : read
  const called = (name ?? found?.name ?? '').slice(0, NAME_MAX)
  const place = found && { latitude: found.latitude, longitude: found.longitude, ...(called.trim() ? { name: called.trim() } : {}) }
  const fault = where.trim() && !found ? t(read === 'short' ? 'send_place.short' : 'send_place.fault') : null
  return (
    <SendDialog
      title={t('composer.send_place')}
      about={t('send_place.about')}
      card={place && { type: 'place', name: '', ...place }}
      nothing={t('send_place.nothing')}
      onClose={onClose}
      onSend={() => place && onSend(place)}
    >
      <Field label={t('send_place.where')} help={t('send_place.where_help')} fault={fault}>
        {(ids) => (
          <Input
            {...ids}
            autoFocus
            dir="ltr"
            autoComplete="off"
            spellCheck={false}
            placeholder="52.5163, 13.3777"
            className="rtl:text-end"
            value={where}
            onChange={(event) => {
              setWhere(event.target.value)
              here.forget()
            }}
          />
        )}
      </Field>
      <div>
        <Button
          onClick={here.find}
          disabled={here.state === 'finding'}
          icon={here.state === 'finding' ? <LoaderCircle className="size-4 animate-spin" /> : <LocateFixed className="size-4" />}
        >
          {t(here.state === 'finding' ? 'send_place.finding' : 'send_place.here')}
        </Button>
        <p aria-live="polite" className={here.problem ? 'mt-1 text-xs text-danger' : 'mt-1 text-xs text-ink-3'}>
          {here.problem ? t(`send_place.${here.problem}`) : here.within !== null && here.within > EXACT_M ? t('send_place.within', { metres: number(Math.round(here.within)) }) : ''}
        </p>
      </div>
      <Field label={t('send_place.name')} help={t('send_place.name_help')}>
        {(ids) => <Input {...ids} dir={called ? 'auto' : undefined} autoComplete="off" maxLength={NAME_MAX} value={called} onChange={(event) => setName(event.target.value)} />}
      </Field>
    </SendDialog>
  )
}

const problems = { 1: 'denied', 2: 'unknown', 3: 'late' } as const

interface Here {
  state: 'still' | 'finding'
  /** How many metres it may be off. */
  within: number | null
  problem: 'denied' | 'unknown' | 'late' | null
}

const nowhere: Here = { state: 'still', within: null, problem: null }

/** Where this computer is, when it is asked for. */
function useHere(found: (place: Place) => void) {
  const [here, setHere] = useState(nowhere)
  const open = useRef(true)
  useEffect(() => {
    open.current = true
    return () => {
      open.current = false
    }
  }, [])
  const find = () => {
    if (!('geolocation' in navigator)) return setHere({ ...nowhere, problem: 'unknown' })
    setHere({ ...nowhere, state: 'finding' })
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        if (!open.current) return
        setHere({ ...nowhere, within: coords.accuracy })
        found({ latitude: Number(coords.latitude.toFixed(6)), longitude: Number(coords.longitude.toFixed(6)) })
      },
      ({ code }) => open.current && setHere({ ...nowhere, problem: problems[code as 1] ?? 'unknown' }),
      { enableHighAccuracy: true, timeout: FIND_MS, maximumAge: 60_000 },
    )
  }
  return { ...here, find, forget: () => setHere(nowhere) }
}
