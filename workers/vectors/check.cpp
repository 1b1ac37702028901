// Compares libsrtp, through the compatibility layer that the worker uses, with packets protected elsewhere.
//
// Each line on stdin: kind ("rtp" or "rtcp"), profile (srtp_profile_t as a number), bytes of the master key,
// then in hexadecimal the master key with its salt, the plain packet and the protected one. Prints the number
// of packets that were right both ways; ends with 1 at the first that was not.
#include "srtp.h"

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

using Bytes = std::vector<uint8_t>;

static Bytes FromHex(const std::string& text)
{
	Bytes bytes;

	for (size_t i = 0; i + 1 < text.size(); i += 2)
	{
		bytes.push_back(static_cast<uint8_t>(std::stoul(text.substr(i, 2), nullptr, 16)));
	}

	return bytes;
}

static srtp_t Session(srtp_profile_t profile, const Bytes& key, size_t keyLen, srtp_ssrc_type_t direction)
{
	srtp_policy_t policy{ nullptr };
	srtp_t session{ nullptr };
	const bool made = srtp_policy_create(&policy) == srtp_err_status_ok &&
	                  srtp_policy_set_ssrc(policy, { direction, 0 }) == srtp_err_status_ok &&
	                  srtp_policy_set_profile(policy, profile) == srtp_err_status_ok &&
	                  srtp_policy_add_key(
	                    policy, key.data(), keyLen, key.data() + keyLen, key.size() - keyLen, nullptr, 0) ==
	                    srtp_err_status_ok &&
	                  srtp_create(&session, policy) == srtp_err_status_ok;

	srtp_policy_destroy(policy);

	return made ? session : nullptr;
}

static const char* Check(
  bool rtcp, srtp_profile_t profile, const Bytes& key, size_t keyLen, const Bytes& plain, const Bytes& sealed)
{
	srtp_t sender   = Session(profile, key, keyLen, ssrc_any_outbound);
	srtp_t receiver = Session(profile, key, keyLen, ssrc_any_inbound);

	if (!sender || !receiver)
	{
		return "no session";
	}

	// The names are overloaded: libsrtp 2's functions, and those of the layer under test.
	const auto protect = [&](const Bytes& in, Bytes& to, size_t* size)
	{
		return rtcp ? srtp_protect_rtcp(sender, in.data(), in.size(), to.data(), size, 0)
		            : srtp_protect(sender, in.data(), in.size(), to.data(), size, 0);
	};
	const auto unprotect = [&](Bytes& packet, size_t* size)
	{
		return rtcp ? srtp_unprotect_rtcp(receiver, packet.data(), packet.size(), packet.data(), size)
		            : srtp_unprotect(receiver, packet.data(), packet.size(), packet.data(), size);
	};
	Bytes out(plain.size() + 2 * SRTP_MAX_TRAILER_LEN);
	size_t len = out.size();

	if (protect(plain, out, &len) != srtp_err_status_ok)
	{
		return "cannot protect";
	}

	out.resize(len);

	if (out != sealed)
	{
		return "protected packet differs";
	}

	// One bit changed anywhere must not authenticate. The first byte is left: what it says decides how it is read.
	for (size_t i = 1; i < sealed.size(); ++i)
	{
		Bytes changed = sealed;

		changed[i] ^= 0x01;
		len = changed.size();

		if (unprotect(changed, &len) == srtp_err_status_ok)
		{
			return "a changed packet passes";
		}
	}

	Bytes opened = sealed;

	len = opened.size();

	if (unprotect(opened, &len) != srtp_err_status_ok)
	{
		return "cannot unprotect";
	}

	opened.resize(len);

	if (opened != plain)
	{
		return "unprotected packet differs";
	}

	Bytes again = sealed;

	len = again.size();

	if (unprotect(again, &len) == srtp_err_status_ok)
	{
		return "a replayed packet passes";
	}

	srtp_dealloc(sender);
	srtp_dealloc(receiver);

	return nullptr;
}

// Of many streams of a session each is found, before and after others are removed: a packet is a replay for a stream
// that is there, and new for one that was removed.
static const char* CheckStreams()
{
	constexpr uint32_t Streams{ 40 };
	const Bytes key(44, 0x5A);
	srtp_t sender   = Session(srtp_profile_aead_aes_256_gcm, key, 32, ssrc_any_outbound);
	srtp_t receiver = Session(srtp_profile_aead_aes_256_gcm, key, 32, ssrc_any_inbound);
	std::vector<Bytes> sealed;

	if (!sender || !receiver)
	{
		return "no session";
	}

	const auto passes = [&](uint32_t stream)
	{
		Bytes packet = sealed[stream];
		size_t len   = packet.size();

		return srtp_unprotect(receiver, packet.data(), len, packet.data(), &len) == srtp_err_status_ok;
	};

	for (uint32_t stream{ 0 }; stream < Streams; ++stream)
	{
		const Bytes plain = { 0x80, 96, 0, 1, 0, 0, 0, 1, 0xCA, 0xFE, 0, static_cast<uint8_t>(stream), 1, 2, 3 };
		Bytes out(plain.size() + SRTP_MAX_TRAILER_LEN);
		size_t len = out.size();

		if (srtp_protect(sender, plain.data(), plain.size(), out.data(), &len, 0) != srtp_err_status_ok)
		{
			return "cannot protect for many streams";
		}

		out.resize(len);
		sealed.push_back(out);

		if (!passes(stream))
		{
			return "cannot unprotect of many streams";
		}
	}

	// From the middle, the end and the beginning.
	for (const uint32_t stream : { 20u, 39u, 0u, 7u })
	{
		const uint8_t ssrc[] = { 0xCA, 0xFE, 0, static_cast<uint8_t>(stream) };
		uint32_t inNetworkOrder;

		std::memcpy(&inNetworkOrder, ssrc, sizeof(ssrc));

		if (srtp_stream_remove(receiver, inNetworkOrder) != srtp_err_status_ok)
		{
			return "a stream cannot be removed";
		}

		if (srtp_stream_remove(receiver, inNetworkOrder) == srtp_err_status_ok)
		{
			return "a removed stream is still there";
		}
	}

	for (uint32_t stream{ 0 }; stream < Streams; ++stream)
	{
		const bool removed = stream == 20 || stream == 39 || stream == 0 || stream == 7;

		if (passes(stream) != removed)
		{
			return removed ? "a removed stream remembers" : "a stream forgot what it got";
		}
	}

	srtp_dealloc(sender);
	srtp_dealloc(receiver);

	return nullptr;
}

int main()
{
	// Runs the library's own vectors of each cipher and hash, AES-CM's of RFC 3711 appendix B.2 among them.
	if (srtp_init() != srtp_err_status_ok)
	{
		std::fprintf(stderr, "libsrtp's own tests fail\n");

		return 1;
	}

	if (const char* wrong = CheckStreams())
	{
		std::fprintf(stderr, "%s\n", wrong);

		return 1;
	}

	std::string line;
	int count{ 0 };

	while (std::getline(std::cin, line))
	{
		std::istringstream words(line);
		std::string kind, key, plain, sealed;
		int profile{ 0 };
		size_t keyLen{ 0 };

		words >> kind >> profile >> keyLen >> key >> plain >> sealed;

		const char* wrong = Check(
		  kind == "rtcp",
		  static_cast<srtp_profile_t>(profile),
		  FromHex(key),
		  keyLen,
		  FromHex(plain),
		  FromHex(sealed));

		if (wrong)
		{
			std::fprintf(stderr, "%s, profile %d: %s\n", kind.c_str(), profile, wrong);

			return 1;
		}

		++count;
	}

	std::printf("%d\n", count);

	return count > 0 ? 0 : 1;
}
