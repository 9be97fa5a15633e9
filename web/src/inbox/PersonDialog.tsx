// Sends somebody's card: of a person that we know, or of one who is typed in.
import { Plus, X } from 'lucide-react'
import { type KeyboardEvent, useId, useMemo, useState } from 'react'
import type { Conversation } from '@/api/model'
import { contactQuery, queries } from '@/api/queries'
import { useTranslation } from '@/i18n'
import { complain } from '@/shell/complaints'
import { Address, readable } from '@/ui/Address'
import { Avatar } from '@/ui/Avatar'
import { Button, IconButton } from '@/ui/Button'
import { cx } from '@/ui/cx'
import { Field, Input } from '@/ui/Field'
import { everybody, type Known, phoneOf, search } from './people'
import { SendDialog } from './SendDialog'

/** As the server takes them. */
const NAME_MAX = 100
const PHONES_MAX = 5
const SHOWN_MAX = 5

export interface PersonsCard {
  name: string
  phones: string[]
}

interface Props {
  /** Who would get it: nobody is sent their own card. */
  to: string
  initial?: PersonsCard
  onClose: () => void
  onSend: (card: PersonsCard) => void
}

export default function PersonDialog({ to, initial, onClose, onSend }: Props) {
  const { t } = useTranslation()
  const [name, setName] = useState(initial?.name ?? '')
  const [phones, setPhones] = useState(initial?.phones ?? [''])
  const read = phones.map(phoneOf)
  const given = [...new Set(read.filter((phone) => phone !== null))]
  const faulty = phones.some((phone, n) => phone.trim() !== '' && read[n] === null)
  const card = name.trim() && given.length > 0 && !faulty ? { name: name.trim(), phones: given } : null
  const take = (person: Known) => {
    setName(person.name)
    setPhones([person.address?.startsWith('+') ? readable(person.address) : ''])
    // All the numbers that we know of them, when they are there.
    queries.fetchQuery(contactQuery(person.id)).then((contact) => {
      const known = contact.identities.filter((identity) => identity.kind === 'phone').map((identity) => identity.address)
      if (known.length > 0) setPhones(known.slice(0, PHONES_MAX).map(readable))
    }, complain)
  }
  return (
    <SendDialog
      title={t('composer.send_person')}
      about={t('send_person.about')}
      card={card && { type: 'person', ...card }}
      nothing={t('send_person.nothing')}
      onClose={onClose}
      onSend={() => card && onSend(card)}
    >
      <NameField to={to} name={name} onName={setName} onTake={take} />
      {phones.map((phone, n) => (
        <Field
          key={n}
          label={n === 0 ? t('send_person.phone') : t('send_person.phone_number', { count: n + 1 })}
          help={n === 0 ? t('send_person.phone_help') : undefined}
          fault={phone.trim() && read[n] === null ? t('send_person.phone_fault') : null}
        >
          {(ids) => (
            <span className="flex items-center gap-1">
              <Input
                {...ids}
                type="tel"
                dir="ltr"
                className="rtl:text-end"
                autoComplete="off"
                placeholder="+15550100"
                value={phone}
                onChange={(event) => setPhones(phones.map((each, at) => (at === n ? event.target.value : each)))}
              />
              {phones.length > 1 && (
                <IconButton label={t('send_person.remove_phone', { count: n + 1 })} icon={<X className="size-4" />} onClick={() => setPhones(phones.filter((_, at) => at !== n))} />
              )}
            </span>
          )}
        </Field>
      ))}
      {phones.length < PHONES_MAX && given.length === phones.length && (
        <Button size="sm" kind="quiet" className="-mt-2 self-start" icon={<Plus className="size-3.5" />} onClick={() => setPhones([...phones, ''])}>
          {t('send_person.add_phone')}
        </Button>
      )}
    </SendDialog>
  )
}

/** The conversations that any list holds. */
function loaded(): Conversation[] {
  return queries
    .getQueriesData<{ pages: { items: Conversation[] }[] }>({ queryKey: ['conversations'] })
    .flatMap(([, data]) => data?.pages.flatMap((page) => page.items) ?? [])
}

/** The name; while it is typed, people that we know by it. */
function NameField({ to, name, onName, onTake }: { to: string; name: string; onName: (name: string) => void; onTake: (person: Known) => void }) {
  const { t } = useTranslation()
  const people = useMemo(() => everybody(loaded(), to), [to])
  const [open, setOpen] = useState(false)
  const [at, setAt] = useState(-1)
  const listId = useId()
  const found = open ? search(people, name, SHOWN_MAX) : []
  const choose = (person: Known) => {
    setOpen(false)
    onTake(person)
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (found.length === 0) return
    const chosen = found[at]
    if (event.key === 'ArrowDown') setAt((at + 1) % found.length)
    else if (event.key === 'ArrowUp') setAt((at <= 0 ? found.length : at) - 1)
    else if (event.key === 'Enter' && chosen) choose(chosen)
    else if (event.key === 'Escape') setOpen(false)
    else return
    event.preventDefault()
    // The list is closed, not the dialog.
    event.stopPropagation()
  }
  return (
    <Field label={t('send_person.name')} help={t('send_person.name_help')}>
      {(ids) => (
        <div className="relative">
          <Input
            {...ids}
            autoFocus
            role="combobox"
            aria-expanded={found.length > 0}
            aria-controls={listId}
            aria-autocomplete="list"
            aria-activedescendant={found[at] ? `${listId}-${at}` : undefined}
            dir={name ? 'auto' : undefined}
            autoComplete="off"
            maxLength={NAME_MAX}
            value={name}
            onChange={(event) => {
              onName(event.target.value)
              setOpen(true)
              setAt(-1)
            }}
            onKeyDown={onKeyDown}
            onBlur={() => setOpen(false)}
          />
          <ul
            id={listId}
            role="listbox"
            aria-label={t('send_person.known')}
            className={cx('appear absolute inset-x-0 top-full z-10 mt-1 rounded bg-raised p-1 shadow-float', found.length === 0 && 'hidden')}
          >
            {found.map((person, n) => (
              // The keys are the input's; the pointer is for those who see the list.
              // eslint-disable-next-line jsx-a11y/click-events-have-key-events
              <li
                key={person.id}
                id={`${listId}-${n}`}
                role="option"
                tabIndex={-1}
                aria-selected={n === at}
                className={cx('flex h-9 cursor-pointer items-center gap-2 rounded-[5px] px-2 text-sm hover:bg-hover', n === at && 'bg-selected')}
                // The input keeps the focus.
                onMouseDown={(event) => event.preventDefault()}
                onClick={() => choose(person)}
              >
                <Avatar id={person.id} name={person.name} size="xs" />
                <bdi className="min-w-0 flex-1 truncate">{person.name}</bdi>
                {person.address?.startsWith('+') && <Address className="shrink-0 text-xs text-ink-3">{person.address}</Address>}
              </li>
            ))}
          </ul>
        </div>
      )}
    </Field>
  )
}
