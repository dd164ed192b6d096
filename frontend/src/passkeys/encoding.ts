/** Options and answers of passkeys: bytes are base64url in JSON and buffers in the browser. */

type Described = { id: string; type: PublicKeyCredentialType; transports?: string[] };

export type CreationJson = {
  challenge: string;
  rp: PublicKeyCredentialRpEntity;
  user: { id: string; name: string; displayName: string };
  pubKeyCredParams: PublicKeyCredentialParameters[];
  excludeCredentials?: Described[] | null;
  timeout?: number | null;
  attestation?: AttestationConveyancePreference | null;
};

export type RequestJson = {
  challenge: string;
  rpId?: string | null;
  allowCredentials?: Described[] | null;
  userVerification?: UserVerificationRequirement | null;
  timeout?: number | null;
};

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

export function textOf(buffer: ArrayBuffer): string {
  const binary = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function describe(listed: Described[] | null | undefined): PublicKeyCredentialDescriptor[] {
  return (listed ?? []).map(({ id, type }) => ({ id: bytesOf(id), type }));
}

/** A passkey that can also sign in alone, where the device can keep one. */
export function creationOf(json: CreationJson): PublicKeyCredentialCreationOptions {
  return {
    challenge: bytesOf(json.challenge),
    rp: json.rp,
    user: { ...json.user, id: bytesOf(json.user.id) },
    pubKeyCredParams: json.pubKeyCredParams,
    excludeCredentials: describe(json.excludeCredentials),
    authenticatorSelection: { residentKey: "preferred", userVerification: "preferred" },
    extensions: { credProps: true },
  };
}

export function requestOf(json: RequestJson): PublicKeyCredentialRequestOptions {
  return {
    challenge: bytesOf(json.challenge),
    allowCredentials: describe(json.allowCredentials),
    userVerification: json.userVerification ?? "preferred",
    ...(json.rpId ? { rpId: json.rpId } : {}),
  };
}

function answerOf(response: AuthenticatorResponse): Record<string, string> {
  const clientDataJSON = textOf(response.clientDataJSON);
  if (response instanceof AuthenticatorAttestationResponse) {
    return { clientDataJSON, attestationObject: textOf(response.attestationObject) };
  }
  const { authenticatorData, signature, userHandle } = response as AuthenticatorAssertionResponse;
  return {
    clientDataJSON,
    authenticatorData: textOf(authenticatorData),
    signature: textOf(signature),
    ...(userHandle === null ? {} : { userHandle: textOf(userHandle) }),
  };
}

/** The JSON that the server reads. */
export function credentialJson(credential: PublicKeyCredential): string {
  return JSON.stringify({
    id: credential.id,
    rawId: textOf(credential.rawId),
    type: credential.type,
    response: answerOf(credential.response),
    clientExtensionResults: credential.getClientExtensionResults(),
  });
}
