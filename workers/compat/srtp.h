// libsrtp 3's interface, as far as the worker uses it, over Debian's libsrtp 2.
//
// Three things differ. The policy of version 3 is an opaque object with setters; here it wraps a policy of
// version 2, whose type is renamed while its header is read. Protection has separate input and output in
// version 3 and is in place in version 2; here the input is copied to the output first (the worker decrypts
// in place already, so only encryption copies, as version 3 does itself). And a few names are new.
// Version 2's functions keep their names: C++ tells the two apart by their parameters.
#ifndef WATERSHED_COMPAT_SRTP_H
#define WATERSHED_COMPAT_SRTP_H

#define srtp_policy_t srtp2_policy_t
#include <srtp2/srtp.h>
#undef srtp_policy_t

#include <algorithm>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <strings.h>

// Status codes that version 2 lacks, with version 3's values.
constexpr auto srtp_err_status_buffer_small = static_cast<srtp_err_status_t>(28);
constexpr auto srtp_err_status_cryptex_err  = static_cast<srtp_err_status_t>(29);

namespace watershed::compat
{
	struct SrtpPolicy
	{
		srtp2_policy_t inner{};
		// Master key followed by master salt, the form version 2 takes them in.
		uint8_t key[SRTP_MAX_KEY_LEN]{};
	};

	// Version 2 takes the length as an int and assumes that the trailer fits behind the packet.
	inline bool IsUsableLen(size_t len)
	{
		return len <= static_cast<size_t>(INT_MAX) - SRTP_MAX_TRAILER_LEN;
	}

	// Version 2's in-place functions behind version 3's separate input and output. `room` is what the
	// function may write beyond the packet's own length.
	template<typename InPlace>
	srtp_err_status_t Transform(
	  const uint8_t* in, size_t inLen, uint8_t* out, size_t* outLen, size_t room, InPlace inPlace)
	{
		if (!in || !out || !outLen || !IsUsableLen(inLen))
		{
			return srtp_err_status_bad_param;
		}

		if (*outLen < inLen + room)
		{
			return srtp_err_status_buffer_small;
		}

		if (in != out)
		{
			std::memmove(out, in, inLen);
		}

		int len                     = static_cast<int>(inLen);
		const srtp_err_status_t err = inPlace(out, &len);

		if (err == srtp_err_status_ok)
		{
			*outLen = static_cast<size_t>(len);
		}

		return err;
	}
} // namespace watershed::compat

using srtp_policy_t = watershed::compat::SrtpPolicy*;

inline srtp_err_status_t srtp_policy_create(srtp_policy_t* policy)
{
	*policy = new (std::nothrow) watershed::compat::SrtpPolicy();

	return *policy ? srtp_err_status_ok : srtp_err_status_alloc_fail;
}

inline void srtp_policy_destroy(srtp_policy_t policy)
{
	if (policy)
	{
		explicit_bzero(policy->key, sizeof(policy->key));
	}

	delete policy;
}

inline srtp_err_status_t srtp_policy_set_ssrc(srtp_policy_t policy, srtp_ssrc_t ssrc)
{
	policy->inner.ssrc = ssrc;

	return srtp_err_status_ok;
}

// RTP and RTCP each get the profile's own form: with a 32-bit tag for RTP, RTCP keeps its 80 bits (RFC 5764
// section 4.1.2).
inline srtp_err_status_t srtp_policy_set_profile(srtp_policy_t policy, srtp_profile_t profile)
{
	const srtp_err_status_t err =
	  srtp_crypto_policy_set_from_profile_for_rtp(&policy->inner.rtp, profile);

	if (err != srtp_err_status_ok)
	{
		return err;
	}

	return srtp_crypto_policy_set_from_profile_for_rtcp(&policy->inner.rtcp, profile);
}

// One key without MKI is what the worker uses, and all that is accepted.
inline srtp_err_status_t srtp_policy_add_key(
  srtp_policy_t policy,
  const uint8_t* key,
  size_t keyLen,
  const uint8_t* salt,
  size_t saltLen,
  const uint8_t* /*mki*/,
  size_t mkiLen)
{
	if (policy->inner.key || mkiLen != 0)
	{
		return srtp_err_status_no_such_op;
	}

	if (keyLen > sizeof(policy->key) || saltLen > sizeof(policy->key) - keyLen)
	{
		return srtp_err_status_bad_param;
	}

	std::copy_n(key, keyLen, policy->key);
	std::copy_n(salt, saltLen, policy->key + keyLen);
	policy->inner.key = policy->key;

	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_policy_set_allow_repeat_tx(srtp_policy_t policy, bool allow)
{
	policy->inner.allow_repeat_tx = allow ? 1 : 0;

	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_policy_set_window_size(srtp_policy_t policy, size_t windowSize)
{
	policy->inner.window_size = static_cast<unsigned long>(windowSize);

	return srtp_err_status_ok;
}

// The session copies what it needs, so the policy may be destroyed afterwards.
inline srtp_err_status_t srtp_create(srtp_t* session, srtp_policy_t policy)
{
	return ::srtp_create(session, static_cast<const srtp2_policy_t*>(&policy->inner));
}

// `ssrc` is in network byte order in both versions.
inline srtp_err_status_t srtp_stream_remove(srtp_t session, uint32_t ssrc)
{
	return ::srtp_remove_stream(session, ssrc);
}

inline srtp_err_status_t srtp_protect(
  srtp_t session, const uint8_t* rtp, size_t rtpLen, uint8_t* srtp, size_t* srtpLen, size_t /*mkiIndex*/)
{
	return watershed::compat::Transform(
	  rtp, rtpLen, srtp, srtpLen, SRTP_MAX_TRAILER_LEN, [session](void* packet, int* len)
	  { return ::srtp_protect(session, packet, len); });
}

inline srtp_err_status_t srtp_protect_rtcp(
  srtp_t session, const uint8_t* rtcp, size_t rtcpLen, uint8_t* srtcp, size_t* srtcpLen, size_t /*mkiIndex*/)
{
	// SRTCP adds its index word besides the trailer.
	return watershed::compat::Transform(
	  rtcp, rtcpLen, srtcp, srtcpLen, SRTP_MAX_TRAILER_LEN + sizeof(uint32_t), [session](void* packet, int* len)
	  { return ::srtp_protect_rtcp(session, packet, len); });
}

inline srtp_err_status_t srtp_unprotect(
  srtp_t session, const uint8_t* srtp, size_t srtpLen, uint8_t* rtp, size_t* rtpLen)
{
	return watershed::compat::Transform(
	  srtp, srtpLen, rtp, rtpLen, 0, [session](void* packet, int* len)
	  { return ::srtp_unprotect(session, packet, len); });
}

inline srtp_err_status_t srtp_unprotect_rtcp(
  srtp_t session, const uint8_t* srtcp, size_t srtcpLen, uint8_t* rtcp, size_t* rtcpLen)
{
	return watershed::compat::Transform(
	  srtcp, srtcpLen, rtcp, rtcpLen, 0, [session](void* packet, int* len)
	  { return ::srtp_unprotect_rtcp(session, packet, len); });
}

#endif
