// SPDX-License-Identifier: MIT
/* Numbers in and out of JavaScript. Nothing throws: a wrong argument is -EINVAL to the caller. */
#include "addon.h"

#define MOST_ARGUMENTS 5

napi_value value_number(napi_env env, double number)
{
	napi_value value = NULL;

	napi_create_double(env, number, &value);
	return value;
}

bool value_arguments(napi_env env, napi_callback_info info, size_t count, double *numbers)
{
	napi_value values[MOST_ARGUMENTS];
	size_t given = MOST_ARGUMENTS;

	if (napi_get_cb_info(env, info, &given, values, NULL, NULL) != napi_ok || given < count)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (napi_get_value_double(env, values[i], &numbers[i]) != napi_ok ||
		    !(numbers[i] >= 0 && numbers[i] <= 9007199254740991.0))
			return false;
	}
	return true;
}
