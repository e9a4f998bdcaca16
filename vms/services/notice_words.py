"""The words of the public notice, in English and in Spanish. Whoever changes one changes the other."""

# ruff: noqa: E501 - a sentence that people read stands whole
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from vms.domain.people import Role


@dataclass(frozen=True, slots=True)
class Words:
    """One language. `{…}` is filled in."""

    language: str
    file: str
    other_file: str
    other_name: str
    months: tuple[str, ...]
    day_form: str
    roles: Mapping[Role, str]
    said: Mapping[str, str]

    def day(self, day: date) -> str:
        return self.day_form.format(day=day.day, month=self.months[day.month - 1], year=day.year)

    def __getitem__(self, key: str) -> str:
        return self.said[key]


_ENGLISH = {
    "title": "Security cameras",
    "lead": "What {district} records with security cameras, for how long, who may see it, and how to ask or complain.",
    "purpose": "Purpose",
    "purpose_text": "Cameras discourage inappropriate and illegal behavior and help to find out who broke the law. They enhance the safety of library "
    "users, staff and property. Nobody is recognised, counted or followed by a program, and no sound is recorded. What people read, borrow "
    "or look at is none of the cameras’ business.",
    "covered": "Where cameras are",
    "no_branch": "There is no camera yet.",
    "elsewhere": "elsewhere in the building",
    "cameras_one": "1 camera",
    "cameras": "{count} cameras",
    "not_covered": "Where none are",
    "not_covered_text": "Whatever is not named above has no camera.",
    "not_covered_named": "Nor do cameras look into: {names}.",
    "kept": "How long recordings are kept",
    "place": "Place",
    "days": "Kept",
    "days_one": "1 day",
    "days_many": "{count} days",
    "basis": "Legal basis",
    "approved": "Approved",
    "not_approved": "not yet",
    "district": "The whole district",
    "then": "Then they are deleted. What a court, a law or a complaint asks to be kept is kept until that is over. No recording is kept longer than "
    "{count} days for any other reason.",
    "viewers": "Who may look",
    "viewers_text": "Each look is written into a log, with who it was and why, and others review that log.",
    "live": "live pictures",
    "recorded": "live pictures and recordings",
    "recorded_back": "live pictures, and recordings of the last {count} hours",
    "emergency": "In an emergency whoever sees live pictures may see every camera for half an hour; each time is reviewed by somebody else.",
    "third": "Who gets recordings",
    "third_none": "Third parties: none. Recordings are sold, licensed or disclosed to nobody, except as the law requires.",
    "third_named": "Companies that work for the library under contract and may come across recordings: {names}. Nobody else, except as the law requires.",
    "third_law": "Any request of law enforcement goes to the Library Director. Without a subpoena, warrant, court order or other investigatory document, "
    "issued by a court and in proper form, no recording is made available to a government agency. Recordings leave through the Director alone.",
    "ask": "How to ask",
    "ask_text": "Write to the Library Director, {director}, and say which place, day and time it is about. A recording that was deleted can’t be brought "
    "back, so ask soon.",
    "ask_form": "Form for an inquiry",
    "ask_form_text": "It confirms neither that there is a recording nor that there is none, and keeps nothing from being deleted.",
    "complain": "How to complain",
    "complain_text": "Write to the Library Director, or hand any library the form below. You get a number and a receipt, and an answer within {count} working days. "
    "Whom a complaint is about doesn’t answer it; one about the Director is answered by the Library Board.",
    "form_link": "Form for a complaint",
    "counts": "How often",
    "half_first": "January to June {year}",
    "half_second": "July to December {year}",
    "complaints": "Complaints received",
    "complaints_answered": "Complaints answered",
    "requests": "Requests for recordings received",
    "requests_approved": "Requests for recordings approved",
    "holds": "Recordings ordered to be kept",
    "emergencies": "Emergency accesses",
    "few": "fewer than {count}",
    "counted": "What was counted",
    "none": "none",
    "no_counts": "No half-year is over yet.",
    "counts_note": "What the law makes secret is not counted here.",
    "keys": "Key of the access log",
    "keys_text": "By this line anybody who holds a checkpoint of the log of who looked, or a package of recordings, can check that nobody changed it:",
    "no_key": "The log is not signed yet.",
    "review": "Last review",
    "reviewed": "The cameras and these rules were last reviewed on {day}.",
    "not_reviewed": "The cameras and these rules have not been reviewed yet.",
    "form_title": "Complaint about security cameras",
    "form_lead": "Hand this to any library of {district}, or send it to the Library Director. Keep the receipt that you are given.",
    "form_name": "Your name (may be left out)",
    "form_address": "Where to answer you (may be left out)",
    "form_where": "Which library, and where in it",
    "form_when": "Day and time",
    "form_about": "Is it about somebody on the staff? Who?",
    "form_said": "What is your complaint?",
    "sign_title": "Security cameras in use",
    "sign_text": "For the safety of visitors, staff and property. Recordings are deleted after {days} at the latest, unless the law asks for more. No sound is recorded.",
    "sign_more": "Who may look, how to ask and how to complain:",
}
_SPANISH = {
    "title": "Cámaras de seguridad",
    "lead": "Qué graba {district} con cámaras de seguridad, por cuánto tiempo, quién puede verlo y cómo preguntar o presentar una queja.",
    "purpose": "Finalidad",
    "purpose_text": "Las cámaras desalientan las conductas inapropiadas e ilegales y ayudan a averiguar quién infringió la ley. Mejoran la seguridad de los usuarios, "
    "del personal y de los bienes. Ningún programa reconoce, cuenta ni sigue a las personas, y no se graba sonido. Lo que la gente lee, pide "
    "prestado o mira no es asunto de las cámaras.",
    "covered": "Dónde hay cámaras",
    "no_branch": "Todavía no hay ninguna cámara.",
    "elsewhere": "en otras partes del edificio",
    "cameras_one": "1 cámara",
    "cameras": "{count} cámaras",
    "not_covered": "Dónde no hay",
    "not_covered_text": "En lo que no se nombra arriba no hay cámaras.",
    "not_covered_named": "Las cámaras tampoco miran hacia: {names}.",
    "kept": "Cuánto tiempo se guardan las grabaciones",
    "place": "Lugar",
    "days": "Se guarda",
    "days_one": "1 día",
    "days_many": "{count} días",
    "basis": "Base legal",
    "approved": "Aprobado",
    "not_approved": "todavía no",
    "district": "Todo el distrito",
    "then": "Después se borran. Lo que un tribunal, una ley o una queja pide conservar se conserva hasta que eso termine. Por ninguna otra razón se guarda "
    "una grabación más de {count} días.",
    "viewers": "Quién puede mirar",
    "viewers_text": "Cada consulta queda anotada en un registro, con quién fue y por qué, y otras personas revisan ese registro.",
    "live": "imágenes en vivo",
    "recorded": "imágenes en vivo y grabaciones",
    "recorded_back": "imágenes en vivo y grabaciones de las últimas {count} horas",
    "emergency": "En una emergencia, quien ve imágenes en vivo puede ver todas las cámaras durante media hora; cada vez la revisa otra persona.",
    "third": "Quién recibe grabaciones",
    "third_none": "Terceros: ninguno. Las grabaciones no se venden, licencian ni revelan a nadie, salvo cuando la ley lo exige.",
    "third_named": "Empresas que trabajan para la biblioteca bajo contrato y pueden encontrarse con grabaciones: {names}. Nadie más, salvo cuando la ley lo exige.",
    "third_law": "Toda solicitud de las fuerzas del orden se dirige al Director de la Biblioteca. Sin una citación, orden de registro, orden judicial u otro documento de "
    "investigación emitido por un tribunal y en debida forma, ninguna grabación se pone a disposición de un organismo público. Las grabaciones "
    "salen únicamente a través del Director.",
    "ask": "Cómo preguntar",
    "ask_text": "Escriba al Director de la Biblioteca, {director}, e indique de qué lugar, día y hora se trata. Una grabación borrada no se puede recuperar: "
    "pregunte pronto.",
    "ask_form": "Formulario de consulta",
    "ask_form_text": "No confirma que haya una grabación ni que no la haya, y no evita que se borre.",
    "complain": "Cómo presentar una queja",
    "complain_text": "Escriba al Director de la Biblioteca o entregue en cualquier biblioteca el formulario de abajo. Recibirá un número y un recibo, y una respuesta en "
    "{count} días hábiles. La persona de quien trata una queja no la responde; si trata del Director, responde la Junta de la Biblioteca.",
    "form_link": "Formulario de queja",
    "counts": "Con qué frecuencia",
    "half_first": "enero a junio de {year}",
    "half_second": "julio a diciembre de {year}",
    "complaints": "Quejas recibidas",
    "complaints_answered": "Quejas respondidas",
    "requests": "Solicitudes de grabaciones recibidas",
    "requests_approved": "Solicitudes de grabaciones aprobadas",
    "holds": "Órdenes de conservar grabaciones",
    "emergencies": "Accesos de emergencia",
    "few": "menos de {count}",
    "counted": "Qué se contó",
    "none": "cero",
    "no_counts": "Todavía no ha terminado ningún semestre.",
    "counts_note": "Lo que la ley hace secreto no se cuenta aquí.",
    "keys": "Clave del registro de accesos",
    "keys_text": "Con esta línea, quien tenga un punto de control del registro de consultas, o un paquete de grabaciones, puede comprobar que nadie lo cambió:",
    "no_key": "El registro todavía no está firmado.",
    "review": "Última revisión",
    "reviewed": "Las cámaras y estas reglas se revisaron por última vez el {day}.",
    "not_reviewed": "Las cámaras y estas reglas todavía no se han revisado.",
    "form_title": "Queja sobre las cámaras de seguridad",
    "form_lead": "Entregue esto en cualquier biblioteca de {district} o envíelo al Director de la Biblioteca. Guarde el recibo que le den.",
    "form_name": "Su nombre (puede omitirse)",
    "form_address": "Adónde responderle (puede omitirse)",
    "form_where": "Qué biblioteca, y en qué parte",
    "form_when": "Día y hora",
    "form_about": "¿Trata de alguien del personal? ¿De quién?",
    "form_said": "¿Cuál es su queja?",
    "sign_title": "Cámaras de seguridad en uso",
    "sign_text": "Para la seguridad de visitantes, personal y bienes. Las grabaciones se borran a más tardar después de {days}, salvo que la ley pida más. No se graba sonido.",
    "sign_more": "Quién puede mirar, cómo preguntar y cómo presentar una queja:",
}
ENGLISH = Words(
    "en",
    "index.html",
    "es.html",
    "Español",
    ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"),
    "{month} {day}, {year}",
    {
        Role.DESK: "Desk staff",
        Role.SUPERVISOR: "Supervisors",
        Role.BRANCH_MANAGER: "Branch managers",
        Role.DIRECTOR: "The Library Director",
        Role.DELEGATE: "Managers to whom the Director lent this, until a day",
        Role.COUNSEL: "Counsel",
        Role.IT: "IT",
        Role.AUDITOR: "Auditors",
    },
    _ENGLISH,
)
SPANISH = Words(
    "es",
    "es.html",
    "index.html",
    "English",
    ("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"),
    "{day} de {month} de {year}",
    {
        Role.DESK: "Personal de mostrador",
        Role.SUPERVISOR: "Supervisores",
        Role.BRANCH_MANAGER: "Gerentes de sucursal",
        Role.DIRECTOR: "El Director de la Biblioteca",
        Role.DELEGATE: "Gerentes a quienes el Director lo delegó, hasta un día",
        Role.COUNSEL: "Asesoría jurídica",
        Role.IT: "Informática",
        Role.AUDITOR: "Auditores",
    },
    _SPANISH,
)
