/** French: what people are told when something is refused. */
import type { Texts } from "./catalogue.ts";

export const frRefusals: Texts["refusal"] = {
  noAccount: "Vous n'avez pas encore de compte ici.",
  nameMissing: "Choisissez un nom d'utilisateur.",
  nameForm: (fewest, most, characters, first) =>
    `Un nom d'utilisateur a de ${fewest} à ${most} caractères parmi ${characters}, et commence par un de ${first}.`,
  nameReserved: "Ce nom n'est donné à personne.",
  nameTaken: "Ce nom est pris.",
  notAllowed: {
    closed: "Personne ne peut s'inscrire à présent.",
    domain: "Les gens de votre serveur ne peuvent pas s'inscrire ici.",
    invite: "Il vous faut une invitation encore valable.",
    banned: "Vous ne pouvez pas vous inscrire ici.",
    full: "On ne peut ouvrir aucun autre compte à présent.",
  },
  notEmpty: "Il y a des pièces ou des paiements ouverts dans votre compte. Tapez : partir ADRESSE",
  bankShut: (why) => `On ne peut consulter le portefeuille en ce moment : ${why}`,
  frozen: (why) =>
    `Votre compte est gelé${why === "" ? "" : ` : ${why}`}. Parlez à ceux qui tiennent cette banque.`,
  waiting: "Un administrateur doit d'abord approuver votre compte.",
  unverified:
    "Prouvez d'abord que le compte est toujours à vous. Tapez : verifier et votre code de secours, ou un code à usage unique.",
  recipient: "Il n'y a personne de ce nom que l'on puisse payer.",
  self: "C'est vous-même.",
  dust: (least) => `Le réseau ne porte pas de paiement au-dessous de ${least}.`,
  funds: (available, needed) => `Il faut ${needed}, et vous avez ${available}.`,
  limitPayment: (most) => `Un paiement peut avoir au plus ${most}.`,
  limitDay: (left) => `Aujourd'hui vous pouvez encore payer ${left}.`,
  stopped: (why) => `Les paiements sont arrêtés pour tous : ${why}`,
  tooMany: (most) => `Vous en avez déjà ${most}. Finissez-en ou enlevez-en d'abord.`,
  tooManyOfDay: (most) => `Vous avez commandé ${most} paiements en un jour. Commandez-en d'autres demain.`,
  tooManyNames: (most) =>
    `Vous avez quitté ${most} noms récemment, qui vous sont gardés. Reprenez l'un d'eux, ou attendez.`,
  noOrder: "Vous n'avez pas de paiement ouvert avec ce code.",
  triesLeft: (tries) => `Essais restants : ${tries}.`,
  locked: (minutes) => `Trop de codes faux. Essayez de nouveau dans ${minutes} min.`,
  signed:
    "Sa transaction est déjà signée et peut être envoyée à tout moment : on ne peut plus l'abandonner. On vous dira comment il va.",
  over: (state) => `Ce paiement est déjà terminé (${state}).`,
  factorMissing: "Il faut un second facteur, et vous n'en avez pas. Tapez : facteur new",
  factorYoung:
    "Votre second facteur est neuf : pour un montant que vous ne pouviez pas payer sans lui, ses codes comptent 24 heures après sa mise en place.",
  factorPresent: "Vous avez déjà un second facteur. Pour l'enlever tapez : facteur off CODE",
  factorNeeded: "Il faut un code à usage unique. Tapez : confirmer CODE CODE-UNIQUE",
  factorWrong: "Le code à usage unique est faux.",
  coinjoin: {
    off: "Ceux qui tiennent cette banque n'ont pas permis de payer par coinjoin.",
    later: "Aucun coinjoin n'est possible pour l'instant. Essayez plus tard, ou payez sans.",
    makers: "Trop peu de faiseurs pour ce montant. Essayez avec moins de faiseurs, ou un autre montant.",
    funds: "La banque n'a pas assez de pièces confirmées pour l'instant. Essayez plus tard.",
    amount: "C'est plus que ce qu'un coinjoin peut payer ici.",
    price: "Faiseurs ou mineurs demandent plus que cette banque ne permet. Essayez avec moins de faiseurs.",
  },
  notYours: "Cette adresse n'est pas à vous.",
  noSuchUser: "Il n'y a pas un tel compte.",
  negative: "Le compte doit des pièces ; on ne peut l'ouvrir avant leur retour.",
  away: "La banque ne répond pas en ce moment. Essayez de nouveau dans un instant.",
};
