declare const brand: unique symbol;

/** A `T` that cannot be mixed up with other `T`s. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
